"""The power is cut at every step of the store: what is found is the old journal or the new, never less."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from knockd.files import state_dir as store_module
from knockd.files.state_dir import StateDir
from knockd.leases.journal_file import Found, JournalFile
from tests.support.doubles.disk_without_power import Disk, PowerCutError
from tests.support.samples.journals import BOOT, record

Use = Callable[[Disk], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Puts a disk in the place of the real one."""

    def put(disk: Disk) -> None:
        monkeypatch.setattr(store_module, "os", disk)
        monkeypatch.setattr(store_module, "fcntl", disk.fcntl)

    return put


def cuts(use: Use, act: Callable[[Disk], None]) -> Iterator[Disk]:
    """Runs ``act`` on an empty disk again and again, each time a step further; yields every disk left."""
    for step in range(1_000):
        disk = Disk(cut=step)
        use(disk)
        try:
            act(disk)
        except PowerCutError:
            yield disk
        else:
            assert step > 5
            return


def found_in(disk: Disk, use: Use) -> bytes | None:
    """What the next start reads."""
    use(disk)
    store = StateDir("/d/state")
    data = store.take(create=True)
    store.release()
    return data


def goes_on(disk: Disk, use: Use) -> bool:
    """Whether the next start can write, whatever the cut has left."""
    use(disk)
    store = StateDir("/d/state")
    store.take(create=True)
    store.write(b"next")
    store.release()
    return found_in(disk, use) == b"next"


def test_commits(use: Use) -> None:
    """After a cut the last journal whose write had returned is there, or the one that was being written."""
    journals = [b"%d" % number * 8 for number in range(4)]
    begun: list[bytes | None] = []

    def act(_: Disk) -> None:
        begun[:] = [None]
        store = StateDir("/d/state")
        store.take(create=True)
        for data in journals:
            begun.append(data)  # the one before it has been acknowledged
            store.write(data)

    seen: set[bytes | None] = set()
    for disk in cuts(use, act):
        allowed = set(begun[-2:])
        for left in disk.survivors():
            found = found_in(left, use)
            assert found in allowed
            seen.add(found)
            assert goes_on(left, use)
    assert seen == {None, *journals}


def test_aside(use: Use) -> None:
    """While a damaged journal is set aside it stays where it is."""

    def act(_: Disk) -> None:
        store = StateDir("/d/state")
        store.take(create=True)
        store.write(b"damaged")
        armed.append(True)
        store.set_aside(b"damaged")
        armed.clear()

    armed: list[bool] = []
    for disk in cuts(use, act):
        if armed:
            assert {found_in(left, use) for left in disk.survivors()} == {b"damaged"}
        armed.clear()


@pytest.mark.parametrize("back", [False, True], ids=["to another", "and back"])
def test_moving(use: Use, back: bool) -> None:
    """While the journal moves from one directory to another every lease is in one of them at least."""
    leases = [record(1), record(2)]
    armed: list[bool] = []

    def ignore(*_: object, **__: object) -> None:
        return

    def journal_file(place: str) -> JournalFile:
        return JournalFile(place, ignore, lambda: 0.0, lambda: leases, runtime="/d/run", boot=BOOT)

    def act(_: Disk) -> None:
        journal = journal_file("/d/run")
        journal.find()
        for lease in leases:
            journal.note(lease)
        journal.choose()
        armed.append(True)
        journal.move("/d/state")
        journal.find()
        journal.choose()
        if back:
            journal.move("/d/run")
            journal.find()
            journal.choose()

    for disk in cuts(use, act):
        if armed:
            for left in disk.survivors():
                use(left)
                found = journal_file("/d/state").find()
                assert found[:1] == [Found(tuple(leases), same_boot=True)]
        armed.clear()
