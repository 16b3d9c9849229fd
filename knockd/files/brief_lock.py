"""Locks that two daemons hold for moments: while one looks whether a line is used and says that it is.

World: files of ours.
"""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable

PATIENCE = 1.0
"""Seconds to wait for the other one, who writes a line and syncs it."""

_POLL = 0.01

BUSY = "another process has locked it"


def lock_writers(descriptor: int) -> None:
    """Locks a file that is open for writing against its other writers; who can only read it cannot.

    It goes when any descriptor of the file is closed. Raises OSError when another has it all the time;
    where the file system has no locks there is none.
    """
    _lock(descriptor, fcntl.lockf)


def lock_openers(descriptor: int) -> None:
    """Locks a file that nobody else can open. It goes when the descriptor is closed. Raises as above."""
    _lock(descriptor, fcntl.flock)


def _lock(descriptor: int, lock: Callable[[int, int], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError(errno.EWOULDBLOCK, BUSY) from None
            time.sleep(_POLL)
        except OSError:
            return
        else:
            return
