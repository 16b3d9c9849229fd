"""The pid file, held with a lock: two daemons cannot share one."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress


class PidFile:
    """A pid file that lives as long as the daemon."""

    def __init__(self, path: str) -> None:
        """Creates and locks ``path``; raises OSError, BlockingIOError when another daemon holds it."""
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._descriptor = os.open(path, flags, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self) -> None:
        """Writes our pid; call it in the process that stays."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def remove(self) -> None:
        """Removes the file. The lock goes with the process."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        os.close(self._descriptor)
