"""What a commit writes: what has changed, where the file lies already; the whole file only where it must."""

from __future__ import annotations

import os
from binascii import crc32
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from knockd.files.state_dir import StateDir
from knockd.leases.journal import Record, parse
from knockd.leases.journal_file import MANY, Found, JournalFile
from tests.support.samples.journals import BOOT, RECORD, record


class Book:
    """A journal file whose writes are counted."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch, count: int = 0) -> None:
        self.path = path / "state"
        self.leases = {one.id: one for one in map(record, range(count))}
        self.now = 1.0
        self.whole = 0
        self.written = 0
        self.said: list[str] = []
        self._patch(patch)
        self.file = JournalFile(
            *(str(self.path), self._log, lambda: self.now, self.leases.values),
            runtime=str(path / "run"),
            boot=BOOT,
        )

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        write, update = StateDir.write, StateDir.update

        def count_whole(place: StateDir, data: bytes) -> None:
            self.whole += 1
            write(place, data)

        def count_written(place: StateDir, steps: Sequence[Sequence[tuple[int, bytes]]]) -> bool:
            self.written += sum(len(data) for step in steps for _, data in step)
            return update(place, steps)

        patch.setattr(StateDir, "write", count_whole)
        patch.setattr(StateDir, "update", count_written)

    def start(self) -> list[Found]:
        """Finds and chooses."""
        found = self.file.find()
        for each in found:
            self.leases |= {one.id: one for one in each.records}
        assert self.file.choose() is None
        return found

    def note(self, *records: Record) -> None:
        """Notes leases."""
        for one in records:
            self.leases[one.id] = one
            self.file.note(one)

    def forget(self, *records: Record) -> None:
        """Forgets leases."""
        for one in records:
            del self.leases[one.id]
            self.file.forget(one.id)

    def end(self) -> None:
        """The daemon is gone, and its locks."""
        for place in (*self.file._places, *self.file._retired):
            place.release()

    @property
    def read(self) -> dict[str, Record]:
        """What the file holds."""
        found = parse((self.path / "leases").read_bytes())
        assert found.damaged == 0
        return {one.id: one for one in found.journal.records}

    def _log(self, event: str, **_: Any) -> None:
        self.said.append(event)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """A journal of five leases, written whole once."""
    made = Book(tmp_path, monkeypatch, 5)
    made.start()
    yield made
    made.end()


def test_an_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 4,096 leases an opening, from its first note to its end, writes 4,096 bytes at most."""
    book = Book(tmp_path, monkeypatch, 4_096)
    book.start()
    for number in range(5_000, 5_020):
        book.written = 0
        for one in (record(number), record(number, deadline=2.0)):
            book.note(one)
            assert book.file.commit() is None
        book.forget(record(number))
        assert book.file.commit() is None
        assert 0 < book.written <= 4_096
    assert book.whole == 1
    assert len(book.leases) == 4_096
    book.end()


def test_a_choice_of_the_same_place(book: Book) -> None:
    """A reload writes no whole file where the journal is already."""
    book.note(record(7))
    assert book.file.choose() is None
    assert book.file.choose() is None
    assert book.whole == 1
    assert book.read == book.leases


def test_most_of_all(book: Book) -> None:
    """When most leases have changed the file is written whole: that is less."""
    book.note(*(record(number, deadline=2.0) for number in range(MANY + 1)))
    assert book.file.commit() is None
    assert book.whole == 2
    assert book.written == 0
    book.note(record(3, deadline=3.0))
    assert book.file.commit() is None
    assert book.whole == 2
    assert book.read == book.leases


@pytest.mark.parametrize(("left", "act"), [(3, "commit"), (20, "choose")])
def test_a_sparse_file(book: Book, left: int, act: str) -> None:
    """After a flood the file becomes small again, when few leases are left or at a reload."""
    flood = [record(number) for number in range(10, 1_000)]
    book.note(*flood)
    assert book.file.commit() is None
    book.forget(*flood[left:])
    assert book.file.commit() is None
    assert (book.path / "leases").stat().st_size > 262_144
    book.note(record(5_000))
    assert (book.file.commit() if act == "commit" else book.file.choose()) is None
    assert book.whole == 2
    assert (book.path / "leases").stat().st_size < 65_536
    assert book.read == book.leases


def test_a_file_that_somebody_took(book: Book) -> None:
    """A file that is removed or cut is written whole again by the next commit."""
    path = book.path / "leases"
    for number in (7, 8):
        path.unlink() if number == 7 else os.truncate(path, 100)
        book.note(record(number))
        assert book.file.commit() is None
        assert book.read == book.leases
    assert book.whole == 3
    assert book.said == []


def test_a_commit_that_failed(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a commit could not write the next one writes, as it is by then."""
    with monkeypatch.context() as patch:

        def fail(_descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr(os, "fdatasync", fail)
        book.note(*(record(number) for number in range(10, 25)))
        assert book.file.commit() == "Input/output error"
        book.forget(record(10), record(0))
        assert book.file.commit() == "Input/output error"
    book.note(record(11, deadline=2.0))
    assert book.file.commit() is None
    assert book.read == book.leases
    assert book.whole == 1
    assert book.said == ["state-problem", "state-restored"]


def test_in_memory_alone_nothing_is_kept_twice(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file will be written whole for is held nowhere but in the table."""
    fresh = Book(book.path.parent / "other", monkeypatch)
    fresh.note(record(1))
    fresh.forget(record(1))
    assert fresh.file._changed == {}
    book.note(record(7))
    assert book.file.commit() is None
    assert book.file._changed == {}


def test_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that a version before has left is taken over, and written anew."""
    header = b'{"knockd-journal":1,"boot":"%s","serial":7,"complete":true,"leases":1}' % BOOT.encode()
    one = (
        b'{"id":"a1b2.1","door":"ssh","occurrence":0,"source":"192.0.2.1","destination":"10.0.0.1",'
        b'"interface":"eth0","state":"open","deadline":1010.0,"failures":0,"stop":"close %IP%; sync",'
        b'"cmd_timeout":10.0,"command_deadline":0.0,"max_commands":8}'
    )
    (tmp_path / "state").mkdir(mode=0o700)
    lines = (header, one, header)
    (tmp_path / "state" / "leases").write_bytes(b"\n".join(b"\n%08x %s\n" % (crc32(x), x) for x in lines))
    book = Book(tmp_path, monkeypatch)
    assert book.start() == [Found((RECORD,), same_boot=True)]
    assert book.read == {RECORD.id: RECORD}
    assert book.said == []
    book.end()


def test_a_clock_that_was_set_back(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal counts as later than the one that it was made from, whatever the clock says."""
    book.now = 5_000.0
    book.note(record(7))
    assert book.file.commit() is None
    book.end()
    later = Book(book.path.parent, monkeypatch)
    later.start()
    assert parse((book.path / "leases").read_bytes()).journal.serial == 5_000_001
    later.end()


def test_a_choice_after_a_commit_that_failed(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a commit failed a choice wants room for a whole file: to have nothing to write proves nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(StateDir, "update", _full)
        book.note(record(7))
        assert book.file.commit() == "No space left on device"
    assert book.file.choose() is None
    assert book.whole == 2
    assert book.file.choose() is None
    assert book.whole == 2
    assert book.read == book.leases


def test_to_forget_proves_no_room(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk leases are forgotten; that they can be noted again is said when one is."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", _full)
        book.note(record(7))
        assert book.file.commit() == "No space left on device"
    book.forget(record(7), record(1))
    assert book.file.commit() == "No space left on device"
    assert book.read == book.leases
    book.note(record(8))
    assert book.file.commit() is None
    assert book.said == ["state-problem", "state-restored"]
    assert book.whole == 1


def _full(*_: object) -> bool:
    raise OSError(28, "No space left on device")
