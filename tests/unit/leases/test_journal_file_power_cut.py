"""The power is cut at every step of the journal's changes: what was acknowledged is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from knockd.files import state_dir as state_dir_module
from knockd.leases.journal import Record
from knockd.leases.journal_file import JournalFile
from tests.support.doubles.disk_without_power import SECTOR, Disk, PowerCutError
from tests.support.samples.journals import BOOT, record

WHOLE = 1 << 30
"""Bytes of a sector where every write comes to the disk as a whole or not at all."""

CHANGES: tuple[tuple[Record | str, ...], ...] = (
    (record(1), record(2)),
    (record(1, deadline=2_000.0),),
    (record(2).id, record(3)),
    (),
    (record(3, deadline=2_000.0), record(1, deadline=3_000.0)),
    tuple(record(number) for number in range(10, 16)),
    (record(1).id, record(11, deadline=2_000.0)),
    (record(1, deadline=4_000.0), record(11).id),
    (record(3).id,),
)
"""What is noted, and (an id) forgotten, in one commit after the other."""

State = dict[str, Record]


class Daemon:
    """A daemon that notes leases on a disk."""

    def __init__(self, disk: Disk, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(state_dir_module, "os", disk)
        patch.setattr(state_dir_module, "fcntl", disk.fcntl)
        self.said: list[str] = []
        self.leases: State = {}
        self.book = JournalFile(
            *("/d/state", self._log, lambda: 0.0, self.leases.values), runtime="/d/state", boot=BOOT
        )

    def start(self) -> State:
        """Takes over what is found, and writes it whole."""
        for found in self.book.find():
            assert found.same_boot
            self.leases |= {one.id: one for one in found.records}
        before = dict(self.leases)
        assert self.book.choose() is None
        return before

    def commit(self, changes: Sequence[Record | str]) -> None:
        """Notes and forgets, in one commit."""
        for one in changes:
            if isinstance(one, Record):
                self.leases[one.id] = one
                self.book.note(one)
            else:
                del self.leases[one]
                self.book.forget(one)
        assert self.book.commit() is None

    def _log(self, event: str, **_: Any) -> None:
        self.said.append(event)


def run(disk: Disk, patch: pytest.MonkeyPatch, begun: Callable[[State], None]) -> None:
    """The life of a daemon; ``begun`` hears before each commit what there will be after it."""
    daemon = Daemon(disk, patch)
    begun({})
    daemon.start()
    for changes in CHANGES:
        after = dict(daemon.leases)
        after |= {one.id: one for one in changes if isinstance(one, Record)}
        begun({id_: one for id_, one in after.items() if id_ not in changes})
        daemon.commit(changes)


@pytest.mark.parametrize("sector", [SECTOR, WHOLE], ids=["sectors", "writes"])
def test_changes(monkeypatch: pytest.MonkeyPatch, sector: int) -> None:
    """Each lease is found as the last commit that returned left it, or as the one that was under way would.

    One that was just being forgotten may be found as it was before: it is stopped once more.
    Unless half of a write got to the disk nothing counts as damaged, and the next start goes on from there.
    """
    different = set()
    for cut in range(1_000):
        disk, states = Disk(cut=cut, sector=sector), list[State]()
        try:
            run(disk, monkeypatch, states.append)
        except PowerCutError:
            pass
        else:
            assert cut > 40
            break
        allowed = states[-2:]
        forgotten = set(allowed[0]) - set(allowed[-1])
        for left in disk.survivors():
            daemon = Daemon(left, monkeypatch)
            found = daemon.start()
            for id_ in {id_ for state in allowed for id_ in state} | set(found):
                assert found.get(id_) in [
                    state.get(id_) for state in (states if id_ in forgotten else allowed)
                ]
            if sector == WHOLE:
                assert daemon.said == []
            daemon.commit([record(99)])
            different.add((cut, tuple(found.items())))
            again = Daemon(_copy(left), monkeypatch).start()
            assert again == found | {record(99).id: record(99)}
    assert len(different) > 100


def _copy(disk: Disk) -> Disk:
    """The disk after an orderly end."""
    (found,) = list(disk.survivors())[-1:]
    return found
