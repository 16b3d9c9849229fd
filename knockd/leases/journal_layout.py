"""Where in the journal's file each line lies: a change costs what it writes, however many leases there are.

A new line of a lease goes to a free place; its old line is freed by a later change, when the new one is on
the disk. Eight bytes free a line, all in one sector, so a line is there or it is not. The file grows in
blocks; what lies beyond the size that it says of itself was never acknowledged.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knockd.leases.journal import FREED, Journal, Record, encode_header, encode_record, encode_size
from knockd_conf.classes import NamedTuple

GRAIN = 64
"""Bytes: every line begins and ends at a multiple of this."""

BLOCK = 2_048
"""Bytes by which the file grows. A line that fits into one does not straddle two, nor a page of a disk."""

SPARSE = 262_144
"""Bytes of a file that may stay, however little of it is in use."""

Piece = tuple[int, bytes]
"""Bytes, and the offset where they are to be written."""


class Extent(NamedTuple):
    """A place in the file, in bytes."""

    offset: int
    size: int


class Change(NamedTuple):
    """What is to be written: each of ``steps`` is on the disk before the next is begun."""

    steps: tuple[tuple[Piece, ...], ...]
    placed: Mapping[str, Extent]
    forgotten: tuple[str, ...]
    before: int
    """Bytes of the file before the change."""


class Layout:
    """Which places of one file are held by which lease, and which are free."""

    def __init__(self) -> None:
        self._size = 0
        self._used = 0
        """Where in the last block the next line goes."""
        self._held: dict[str, Extent] = {}
        self._in_use = 0
        """Bytes of what is held."""
        self._free: dict[int, list[int]] = {}
        self._to_free: list[Extent] = []
        """Lines that the next change frees."""
        self._says_more = False
        """Whether the file may say that it is larger than it is."""

    def __len__(self) -> int:
        return len(self._held)

    def is_sparse(self) -> bool:
        """Whether most of the file is free, after a flood, say, or since commands have other lengths."""
        return self._size > max(SPARSE, 4 * self._in_use)

    def plan_change(self, lines: Mapping[str, bytes | None]) -> Change:
        """Plans how new lines of leases are written, or (None) their lines freed."""
        before = self._size
        forgotten = tuple(lease for lease, line in lines.items() if line is None and lease in self._held)
        freed = [*self._to_free, *(self._held[lease] for lease in forgotten)]
        pieces: list[Piece] = [_size_piece(before)] if self._says_more else []
        pieces += [(extent.offset + 1, FREED) for extent in freed]
        placed = {}
        for lease, line in lines.items():
            if line is not None:
                placed[lease], piece = self._place(line)
                pieces.append(piece)
        steps = [tuple(pieces)] if pieces else []
        if self._size > before:
            steps.append((_size_piece(self._size),))
        return Change(tuple(steps), placed, forgotten, before)

    def confirm(self, change: Change) -> None:
        """The change is on the disk."""
        self._says_more = False
        for extent in (*self._to_free, *(self._held.pop(lease) for lease in change.forgotten)):
            self._free.setdefault(extent.size, []).append(extent.offset)
            self._in_use -= extent.size
        self._to_free = [self._held[lease] for lease in change.placed if lease in self._held]
        self._held.update(change.placed)
        self._in_use += sum(extent.size for extent in change.placed.values())

    def abandon(self, change: Change) -> None:
        """The change could not be written: nobody knows how much of it is there; the file is no longer."""
        left = [one for one in change.placed.values() if one.offset < change.before]
        self._to_free += left
        self._in_use += sum(extent.size for extent in left)
        if self._size > change.before:
            self._size = self._used = change.before
            self._says_more = True

    def _place(self, line: bytes) -> tuple[Extent, Piece]:
        """Takes a free place for a line; returns it and what to write."""
        size = -(-(len(line) + 2) // GRAIN) * GRAIN  # an empty line before and behind it
        free = self._free.get(size)
        if free:
            offset = free.pop()
        elif self._used + size <= self._size:
            offset, self._used = self._used, self._used + size
        else:
            offset, self._used = self._size, self._size + size
            self._size += -(-size // BLOCK) * BLOCK
            return Extent(offset, size), (offset, _padded(line, self._size - offset))
        return Extent(offset, size), (offset, _padded(line, size))

    def _write_whole(self, header: Journal, records: Iterable[Record]) -> bytes:
        data = bytearray()

        def put(line: bytes) -> Extent:
            extent, (offset, piece) = self._place(line)
            data[offset : offset + len(piece)] = piece
            return extent

        put(encode_size(0))
        put(encode_header(header))
        for record in records:
            self._held[record.id] = extent = put(encode_record(record, header.serial))
            self._in_use += extent.size
        put(encode_header(header))
        data[:GRAIN] = _size_piece(self._size)[1]
        return bytes(data)


def lay_out(header: Journal, records: Iterable[Record]) -> tuple[Layout, bytes]:
    """A file that holds these records, and its layout; of ``header`` all but the records counts.

    The header stands in front and once more behind the records.
    """
    layout = Layout()
    return layout, layout._write_whole(header, records)


def encode(journal: Journal) -> bytes:
    """A file that holds this journal."""
    return lay_out(journal, journal.records)[1]


def _size_piece(size: int) -> Piece:
    return 0, _padded(encode_size(size), GRAIN)


def _padded(line: bytes, size: int) -> bytes:
    return b"\n" + line + b"\n" * (size - len(line) - 1)
