"""Chunks of bytes split into lines, in bounded memory however long a line is.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from knockd.review.lines import LONGEST
from knockd.review.unreadable import Unreadable

ENDLESS = 64 << 20
"""Bytes without a newline after which a file is given up: no log has such a line."""


class LineSplitter:
    """Splits the bytes of one file, which come in chunks.

    ``half`` is what stands behind the last newline, and ``length`` how many bytes stand before that.
    A line of more than LONGEST bytes is cut to one byte more than that, which a reader takes for unread.
    """

    def __init__(self) -> None:
        self.half = b""
        self.length = 0
        self._skipped = 0
        """Bytes of a line that has been given out already, cut; 0: there is none."""

    def split_chunks(self, chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
        """The lines without their newlines, in batches. ``half`` is not among them.

        Raises Unreadable when no newline comes.
        """
        for chunk in chunks:
            yield self.split_chunk(chunk)

    def split_chunk(self, chunk: bytes) -> list[bytes]:
        """The lines that end in the next chunk. Raises Unreadable when no newline comes."""
        lines = chunk.split(b"\n")
        rest = lines[-1]
        if len(lines) == 1:
            return self._extend(rest)
        self.length += self._skipped + len(self.half) + len(chunk) - len(rest)
        if self._skipped:
            del lines[0]
        else:
            lines[0] = self.half + lines[0]
        self.half, self._skipped = b"", 0
        lines[-1:] = self._extend(rest)
        return lines

    def _extend(self, rest: bytes) -> list[bytes]:
        """Takes in bytes without a newline; the line that they belong to when it has become too long."""
        if self._skipped:
            self._skipped += len(rest)
            if self._skipped > ENDLESS:
                raise Unreadable(f"no newline in {ENDLESS:,} bytes: this is no log")
            return []
        self.half += rest
        if len(self.half) <= LONGEST:
            return []
        cut, self._skipped, self.half = self.half[: LONGEST + 1], len(self.half), b""
        return [cut]
