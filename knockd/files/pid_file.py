"""The pid file, locked: it is that of one daemon, and no other file is overwritten.

World: the pid file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time

from knockd_conf.trust import TrustPolicy

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_STALE = re.compile(rb"[0-9\s\0]{0,32}")
"""What a daemon that is gone may have left, also when the power was cut."""

_MODE = 0o644
_MOMENT = 0.1
"""Seconds in which a daemon that holds the lock has written its pid."""


class PidFile:
    """A pid file that lives as long as the daemon."""

    def __init__(self, path: str) -> None:
        """Creates and locks ``path``; raises OSError, BlockingIOError when another daemon holds it."""
        self.path = path
        try:
            self._descriptor = _locked(path)
        except BlockingIOError:
            if not _abandoned(path):
                raise
            # Any user who may read the file can lock it to keep us from starting; such a lock does not count.
            os.unlink(path)
            self._descriptor = _locked(path)

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


def _locked(path: str) -> int:
    descriptor = _open(path)
    try:
        _check(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(descriptor, _MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)  # others may read it once it is locked


def _abandoned(path: str) -> bool:
    """Whether the daemon that wrote its pid there is gone, whoever holds the lock."""
    before = _pid(path)
    if before is None:
        return False  # one that is just starting
    time.sleep(_MOMENT)
    if _pid(path) != before:
        return False
    try:
        os.kill(before, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _pid(path: str) -> int | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None  # it is just ending
    try:
        _check(descriptor)
        text = os.pread(descriptor, 32, 0).strip(b"\0 \n")
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() and int(text) > 0 else None


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
