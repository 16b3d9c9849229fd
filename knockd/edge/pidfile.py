"""The pid file, held with a lock: two daemons cannot share one, and nobody's file is overwritten."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat

from knockd_conf.trust import TrustPolicy

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_STALE = re.compile(rb"[0-9\s\0]{0,32}")
"""What a daemon that is gone may have left, also when the power was cut."""


class PidFile:
    """A pid file that lives as long as the daemon."""

    def __init__(self, path: str) -> None:
        """Creates and locks ``path``; raises OSError, BlockingIOError when another daemon holds it."""
        self.path = path
        self._descriptor = _open(path)
        try:
            _check(self._descriptor)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self) -> None:
        """Writes our pid; call it in the process that stays."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def remove(self) -> None:
        """Removes the file, if it is still ours. The lock goes with the process."""
        try:
            if os.path.samestat(os.lstat(self.path), os.fstat(self._descriptor)):
                os.unlink(self.path)
        except FileNotFoundError:
            pass  # somebody was faster
        finally:
            os.close(self._descriptor)


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644)


def _check(descriptor: int) -> None:
    """Raises OSError when the file is not one that a knockd may have left."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EPERM, "is not a regular file")
    if status.st_uid not in TrustPolicy.current().owners:
        raise OSError(errno.EPERM, f"belongs to uid {status.st_uid}")
    if status.st_nlink != 1:
        raise OSError(errno.EPERM, "has a second name")
    if _STALE.fullmatch(os.pread(descriptor, 64, 0)) is None:
        raise OSError(errno.EPERM, "holds something else than a process id")
