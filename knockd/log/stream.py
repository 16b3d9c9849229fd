"""Standard output and standard error: written without blocking, whatever their reader does.

World: standard streams.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Mapping
from contextlib import suppress

PATIENCE = 20
"""Milliseconds to wait for a reader that is behind; once if it is stuck."""

_CHUNK = select.PIPE_BUF
"""Bytes that a pipe takes at once when it takes any (pipe(7))."""

_NAMES = {1: "standard output", 2: "standard error"}


def find_journal(environment: Mapping[str, str]) -> frozenset[int]:
    """Which of standard output (1) and standard error (2) are systemd's journal.

    ``environment`` has its device and inode in JOURNAL_STREAM (systemd.exec(5)).
    """
    found = set()
    for descriptor in (1, 2):
        with suppress(OSError):
            status = os.fstat(descriptor)
            if f"{status.st_dev}:{status.st_ino}" == environment.get("JOURNAL_STREAM"):
                found.add(descriptor)
    return frozenset(found)


class Output:
    """Lines to a standard stream.

    ``own``: writes to a pipe or terminal through a descriptor of its own that does not block, since
    poll does not promise room for a whole line. A daemon that will close its terminal has none.
    """

    def __init__(self, descriptor: int = 1, *, encoding: str = "utf-8", own: bool = True) -> None:
        self.name = _NAMES.get(descriptor, f"descriptor {descriptor}")
        self._encoding = encoding
        self._copy = _reopened(descriptor) if own else None
        self._descriptor = descriptor if self._copy is None else self._copy
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._torn = False
        self._stuck = False

    def write(self, line: str) -> None:
        """Writes one line. Raises OSError when it was not written whole."""
        data = f"{line}\n".encode(self._encoding, "backslashreplace")
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                if not self._poll.poll(0 if self._stuck else PATIENCE):
                    self._stuck = True
                    raise BlockingIOError(errno.EAGAIN, "nobody reads it")
                written += os.write(self._descriptor, data[written : written + _CHUNK])
        finally:
            if written:
                self._torn = not data.endswith(b"\n", 0, written)
        self._stuck = False

    def close(self) -> None:
        """Closes the descriptor that was opened here; the standard stream stays open."""
        if self._copy is not None:
            os.close(self._copy)
            self._copy = None


def _reopened(descriptor: int) -> int | None:
    """A new descriptor of the same pipe or terminal that does not block, None when there can be none.

    The standard stream itself is shared with the process that started this one and keeps its flags.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return None  # a file would be written from its start, a socket cannot be opened
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        return None  # no /proc, no right, no reader any more: poll and write as they come
