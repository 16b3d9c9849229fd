"""Where the lines of a journal lie: nothing that counts is written over, and a change writes what changed."""

from __future__ import annotations

import pytest

from knockd.leases.journal import MAX_LINE, Record, encode_record, parse
from knockd.leases.journal_layout import BLOCK, GRAIN, Change, Layout, encode, lay_out
from tests.support.measures.operations import count_operations
from tests.support.samples.journals import journal, record

PAGE = 4_096
"""Bytes of a page of flash or of the page cache."""


class File:
    """A journal's file in memory, and its layout."""

    def __init__(self, *records: Record) -> None:
        self.layout, data = lay_out(journal(), records)
        self.data = bytearray(data)
        self.serial = 1

    def plan(self, *changed: Record | str) -> Change:
        """Plans to note records, and to forget the leases that are named by their id."""
        self.serial += 1
        lines = {
            **{one: None for one in changed if isinstance(one, str)},
            **{one.id: encode_record(one, self.serial) for one in changed if isinstance(one, Record)},
        }
        return self.layout.plan_change(lines)

    def change(self, *changed: Record | str) -> Change:
        """Makes a change, step by step."""
        made = self.plan(*changed)
        for step in made.steps:
            self.write(step)
        self.layout.confirm(made)
        return made

    def write(self, pieces: tuple[tuple[int, bytes], ...]) -> None:
        """Writes pieces, which leave no gap."""
        for offset, data in pieces:
            assert offset <= len(self.data)
            self.data[offset : offset + len(data)] = data

    @property
    def records(self) -> tuple[Record, ...]:
        """What is read, without damage."""
        found = parse(bytes(self.data))
        assert found.damaged == 0
        return found.journal.records


def written(change: Change) -> int:
    """Bytes that a change writes."""
    return sum(len(data) for step in change.steps for _, data in step)


def pages(change: Change) -> int:
    """Pages of a disk that a change touches."""
    pieces = [piece for step in change.steps for piece in step]
    return len({at // PAGE for offset, data in pieces for at in (offset, offset + len(data) - 1)})


def test_whole() -> None:
    """A file that is written whole holds its records, and has the size that it says."""
    file = File(record(1), record(2))
    assert file.records == (record(1), record(2))
    assert len(file.data) == BLOCK
    assert len(file.layout) == 2
    assert encode(journal(record(1), record(2))) == bytes(file.data)


def test_changes() -> None:
    """Records are noted, noted again and forgotten."""
    file = File(record(1))
    file.change(record(2), record(3))
    file.change(record(2, deadline=5.0), record(1).id)
    file.change(record(3).id, "unknown")
    assert file.records == (record(2, deadline=5.0),)
    assert len(file.layout) == 1


def test_nothing_to_write() -> None:
    """A change of nothing writes nothing."""
    assert File(record(1)).change().steps == ()


def test_the_old_line_counts_until_the_new_one_is_on_the_disk() -> None:
    """Whichever pieces of a change get to the disk, every lease is there, as it was or as it is now."""
    file = File(*(record(number) for number in range(6)))
    file.change(record(1, deadline=2.0))
    before = bytes(file.data)
    change = file.plan(record(1, deadline=3.0), record(9), record(4).id)
    (pieces,) = change.steps
    for chosen in range(2 ** len(pieces)):
        file.data[:] = before
        file.write(tuple(piece for bit, piece in enumerate(pieces) if chosen >> bit & 1))
        found = {one.id: one for one in file.records}
        assert found[record(1).id] in {record(1, deadline=2.0), record(1, deadline=3.0)}
        assert {record(number).id for number in (0, 1, 2, 3, 5)} <= set(found)


def test_growth_is_said_when_it_is_on_the_disk() -> None:
    """The file says its new size in a step of its own, behind the one that makes it so large."""
    file = File(*(record(number) for number in range(5)))
    grown = file.plan(*(record(number) for number in range(10, 14)))
    first, second = grown.steps
    assert [offset for offset, _ in second] == [0]
    assert all(offset for offset, _ in first)
    file.write(first)
    assert parse(bytes(file.data)).damaged == 0
    file.write(second)
    assert len(file.records) == 9


def test_places_are_used_again() -> None:
    """However often leases come and go, the file grows no further than they need at the same time."""
    file = File()
    for number in range(2_000):
        file.change(record(number % 7, stop="close " + "x" * (number % 300)))
        file.change(record(number % 7, stop="close " + "x" * (number % 300), deadline=2.0))
        file.change(record(number % 7).id)
    assert file.records == ()
    assert len(file.data) <= 10 * BLOCK


@pytest.mark.parametrize("size", [10, 300, 1_500, 1_700, 2_000, 5_000, MAX_LINE - 400])
def test_a_line_in_a_page(size: int) -> None:
    """A line begins and ends at a grain; one that fits into a block lies in one page."""
    file = File()
    for number in range(20):
        change = file.change(record(number, stop="x" * size))
        ((offset, extent),) = change.placed.values()
        assert offset % GRAIN == extent % GRAIN == 0
        assert extent > BLOCK or offset // PAGE == (offset + extent - 1) // PAGE
    assert len(file.records) == 20


@pytest.mark.parametrize("works", [True, False])
def test_a_change_that_could_not_be_written(works: bool) -> None:
    """What may be there of it is freed by the next change; the file ends where it ended."""
    file = File(*(record(number) for number in range(4)))
    size = len(file.data)
    many = [record(number) for number in range(10, 20)]
    change = file.plan(*many, record(1, deadline=9.0), record(2).id)
    if works:
        for step in change.steps:
            file.write(step)
    file.layout.abandon(change)
    del file.data[size:]
    file.change(record(3, deadline=9.0))
    assert {one.id for one in file.records} == {record(number).id for number in range(4)} - (
        {record(2).id} if works else set()
    )
    file.change(*many, record(1, deadline=9.0), record(2).id)
    assert len(file.records) == 13


def test_sparse() -> None:
    """After a flood most of the file is free; a file that is small or in use is not sparse."""
    file = File()
    many = [record(number) for number in range(2_000)]
    assert not file.layout.is_sparse()
    file.change(*many)
    assert not file.layout.is_sparse()
    file.change(*(one._replace(deadline=2.0) for one in many))
    file.change()
    assert not file.layout.is_sparse()
    file.change(*(one.id for one in many[10:]))
    assert file.layout.is_sparse()
    few = File(*many[:20])
    few.change(*(one.id for one in many[:20]))
    assert not few.layout.is_sparse()


@pytest.mark.parametrize("works", [True, False])
def test_what_is_in_use(works: bool) -> None:
    """What is in use is counted through all changes: when all is forgotten nothing is."""
    file = File(*(record(number) for number in range(5)))
    for number in range(12):
        change = file.plan(record(number % 7, stop="x" * number * 100), record((number + 3) % 7).id)
        if number % 3 or works:
            for step in change.steps:
                file.write(step)
            file.layout.confirm(change)
        else:
            file.layout.abandon(change)
            del file.data[change.before :]
    file.change(*(record(number).id for number in range(7)))
    file.change()
    assert file.records == ()
    assert file.layout._in_use == 0


def lived(file: File, number: int) -> list[Change]:
    """What a lease writes from its knock to its end."""
    return [
        file.change(record(number)),
        file.change(record(number, deadline=5.0)),
        file.change(record(number).id),
        file.change(),
    ]


@pytest.mark.parametrize("count", [1, 500, 4_096, 65_536])
def test_what_an_opening_writes(count: int) -> None:
    """However many leases are open, an opening writes 4,096 bytes at most, its end included."""
    file = File(*(record(number) for number in range(count)))
    for number in range(count, count + 20):
        changes = lived(file, number)
        assert sum(map(written, changes)) <= PAGE
        assert max(map(pages, changes)) <= 4


def test_what_an_opening_costs() -> None:
    """With 16,384 leases a change takes as many operations as with sixteen."""
    operations = []
    for count in (16, 16_384):
        file = File(*(record(number) for number in range(count)))
        file.change(record(count))
        file.change(record(count).id)
        operations.append(count_operations(lambda file=file, count=count: lived(file, count + 1)))  # type: ignore[misc]
    assert operations[0] == operations[1]


def test_held_once() -> None:
    """The layout holds no line: a lease costs it an offset and a size."""
    layout = Layout()
    change = layout.plan_change({"a": b"x" * 500})
    layout.confirm(change)
    assert layout._held == {"a": (0, 512)}
