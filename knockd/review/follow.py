"""A log that grows, read as it is written, through rotations: renamed, truncated, or removed and made anew.

World: log files.
"""

from __future__ import annotations

import os
import stat

from knockd.review.files import CHUNK, describe_error
from knockd.review.splitting import LineSplitter
from knockd.review.unreadable import Unreadable

REMEMBERED = 64
"""Bytes before the place that was read to, looked at again: a file that was written anew differs there."""

MOST_AT_ONCE = 1 << 20
"""Bytes that one call of ``read_lines`` reads of a file."""


class Followed:
    """The file that has a name now. It need not be there yet, and may go away for a while."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._identity = (0, 0)
        self._at = 0
        self._last = b""
        self._splitter = LineSplitter()

    def read_lines(self) -> list[bytes]:
        """The lines that were written since the last call, up to MOST_AT_ONCE bytes; empty: there are none.

        After a rotation the rest of the old file comes first. Raises Unreadable when the file cannot be
        opened though it is there, or is none.
        """
        if self._descriptor is None and not self._open():
            return []
        lines = self._read()
        if lines or not self._is_replaced():
            return lines
        # Who wrote the old file may have gone on until now.
        lines = self._read()
        if not lines:
            lines = [self._splitter.half] if self._splitter.half else []
            self.close()
            self._open()
        return lines

    def close(self) -> None:
        """Closes the file; the next call opens the one that has the name then, from its beginning."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> bool:
        """Opens the file from its beginning; whether it is there."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unreadable(describe_error(error), os.EX_NOINPUT) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise Unreadable("it is no regular file, and cannot be followed", os.EX_NOINPUT)
        self._descriptor, self._identity = descriptor, (status.st_dev, status.st_ino)
        self._at, self._last, self._splitter = 0, b"", LineSplitter()
        return True

    def _read(self) -> list[bytes]:
        """The lines that this file has beyond the place that was read to."""
        assert self._descriptor is not None
        lines: list[bytes] = []
        if self._is_truncated():
            if self._splitter.half:
                lines.append(self._splitter.half)
            self._at, self._last, self._splitter = 0, b"", LineSplitter()
        read = 0
        while read < MOST_AT_ONCE and (chunk := os.pread(self._descriptor, CHUNK, self._at)):
            self._at += len(chunk)
            read += len(chunk)
            self._last = (self._last + chunk)[-REMEMBERED:]
            lines += self._splitter.split_chunk(chunk)
        return lines

    def _is_truncated(self) -> bool:
        """Whether what stood before the place that was read to stands there no more."""
        assert self._descriptor is not None
        before = os.pread(self._descriptor, len(self._last), self._at - len(self._last))
        return before != self._last

    def _is_replaced(self) -> bool:
        """Whether another file has the name now, and something is written in it."""
        try:
            now = os.stat(self.path)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) != self._identity and now.st_size > 0
