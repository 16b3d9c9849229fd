"""The power is cut at every step of a life in which keys are used: the next life knows all that was done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from knockd.files import state_dir, trusted
from knockd.sequences import key_record, noted_lines
from knockd.sequences.burnt_periods import BurntPeriods
from knockd.sequences.key_record import KeyRecord
from knockd.signed.used_nonces import UsedNonces
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.disk_without_power import Disk, PowerCutError
from tests.support.doubles.live_signed import ANNE, NOON, NOW
from tests.support.doubles.recorded_use import Recorded

POLICY = TrustPolicy.current()
USER = ("ssh", "anne")
KNOCKS = 4


class Machine:
    """A disk with StateDir, and memory with the runtime directory, which a power cut empties."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.disk = Disk()
        monkeypatch.setattr(noted_lines, "open_trusted", self._open)
        monkeypatch.setattr(key_record, "COMPACT", 300)  # so that notes are written anew

    def put(self, disk: Disk) -> None:
        """Puts a disk in the place of the real one."""
        self.disk = disk
        for module in (noted_lines, state_dir, trusted):
            self._monkeypatch.setattr(module, "os", disk)

    def start(self) -> Recorded:
        """The daemon starts, and its clock is good."""
        record = KeyRecord("/d/state", "/d/run", "run", POLICY, _log_nothing, lambda path: path == "/d/run")
        made = Recorded(record, BurntPeriods(record), UsedNonces(record))
        record.begin()
        if record.needs_floor:
            record.settle(NOON)
        return made

    def _open(self, path: str, flags: int, mode: int = 0o600, policy: TrustPolicy | None = None) -> int:
        del policy
        folder, name = os.path.split(path)
        directory = self.disk.open(folder, os.O_RDONLY)
        try:
            return self.disk.open(name, flags & ~os.O_CREAT, dir_fd=directory)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            return self.disk.open(name, flags, mode, dir_fd=directory)


def _log_nothing(event: str, **fields: Any) -> None: ...


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine to come."""
    return Machine(monkeypatch)


def live(machine: Machine, ran: list[int]) -> None:
    """Packets and sequences are used, of each after it was noted; ``ran`` has what was done by then."""
    made = machine.start()
    for number in range(KNOCKS):
        made.nonces.use(NOW, ANNE.line(), _nonce(number), "203.0.113.9", NOON + number)
        made.burnt.burn(USER, NOON + 30 * number, NOON + number, "/etc/keys")
        ran.append(number)


def _nonce(number: int) -> bytes:
    return number.to_bytes(16, "big")


def cuts(machine: Machine) -> Iterator[tuple[Disk, list[int]]]:
    """Lives again and again, cut off a step later each time: the disk then, and what was done."""
    for step in range(2_000):
        disk, ran = Disk(), list[int]()
        disk.cut = step
        machine.put(disk)
        try:
            live(machine, ran)
        except PowerCutError:
            yield disk, ran
        else:
            assert len(ran) == KNOCKS
            assert (
                b'"nonces"' in disk.top.names["state"].names[key_record.NAME].data
            )  # written anew meanwhile
            yield disk, ran
            return


def test_every_cut(machine: Machine) -> None:
    """Whatever the cut has left, the next life knows what was used, or takes nothing from before it."""
    done = known = 0
    for disk, ran in cuts(machine):
        for left in disk.survivors():
            left.top.names.pop("run", None)
            left.top.synced.pop("run", None)
            machine.put(left)
            made = machine.start()
            for number in ran:
                counted = made.nonces.has_counted(NOW, ANNE.public, _nonce(number))
                assert counted or made.nonces.may_have_counted(NOW)
                assert made.burnt.find_used_until(USER, 30) >= NOON + 30 * number
                known += counted
                done += 1
    assert done > 100
    assert known == done  # what was noted in StateDir is there, so nobody has to wait
