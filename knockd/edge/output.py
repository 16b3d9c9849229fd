"""Standard output and standard error: written to without ever waiting for who reads them."""

from __future__ import annotations

import errno
import os
import select
import stat

PATIENCE = 20
"""Milliseconds for a reader that is behind. One that is stuck gets them once."""

_CHUNK = select.PIPE_BUF
"""Bytes that a pipe takes at once when it takes any (pipe(7))."""

_NAMES = {1: "standard output", 2: "standard error"}


class Output:
    """Lines to a standard stream.

    ``own``: writes to a pipe or terminal through a descriptor of our own that does not wait, since
    poll does not promise room for a whole line; a daemon about to let its terminal go must not.
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
        """Writes one line; raises OSError when it is not, or not whole, written."""
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
        """Closes what was opened here; the standard stream stays."""
        if self._copy is not None:
            os.close(self._copy)
            self._copy = None


def _reopened(descriptor: int) -> int | None:
    """The same pipe or terminal, opened so that writing does not wait; None when that cannot be had.

    The standard stream itself is shared with whoever started us and keeps its flags.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return None  # a file would be written from its start, a socket cannot be opened
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        return None  # no /proc, no right, no reader any more: poll and write as they come
