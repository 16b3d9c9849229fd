"""The power is cut at every step of a life of one-time doors: no sequence opens a second time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.files import trusted
from knockd.log.logger import Logger
from knockd.sequences import noted_lines, one_time_file
from knockd.sequences.rotation import Rotation
from knockd.sequences.used_sequences import UsedSequences
from knockd_conf.model import Step
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.disk_without_power import Disk, PowerCutError
from tests.support.doubles.played import door

CODES = "/d/etc/codes"
TEXT = b"# codes\n 1,2,3\n 4:udp,5\n 6,7\n"
DOOR = door("", name="ssh", one_time_file=CODES)
POLICY = TrustPolicy.current()

Steps = tuple[Step, ...]
Ran = list[Steps]
"""The sequences for which a command was run."""


class Machine:
    """A daemon's disk, on which files can be made read-only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.disk = Disk()
        self.read_only = False
        for module in (one_time_file, noted_lines):
            monkeypatch.setattr(module, "open_trusted", self._open)

    def put(self, disk: Disk) -> None:
        """Puts a disk in the place of the real one."""
        self.disk = disk
        for module in (one_time_file, noted_lines, trusted):
            self._monkeypatch.setattr(module, "os", disk)
        self._monkeypatch.setattr(one_time_file, "fcntl", disk.fcntl)

    def start(self) -> Rotation:
        """The daemon starts."""
        logger = Logger(structlog.get_logger())
        return Rotation([DOOR], logger, UsedSequences(["/d/state"], POLICY, logger.log), POLICY)

    def _open(self, path: str, flags: int, mode: int = 0o600, policy: TrustPolicy | None = None) -> int:
        del policy
        if self.read_only and path == CODES:
            raise OSError(30, "Read-only file system")
        folder, name = os.path.split(path)
        directory = self.disk.open(folder, os.O_RDONLY)
        try:
            return self.disk.open(name, flags & ~os.O_CREAT, dir_fd=directory)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            return self.disk.open(name, flags, mode, dir_fd=directory)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A daemon's machine, whose log nobody reads."""
    with capture_logs():
        yield Machine(monkeypatch)


def new_disk() -> Disk:
    """A disk with a one-time file and an empty state directory."""
    disk = Disk()
    for name in ("etc", "state"):
        disk.mkdir(f"/d/{name}", 0o700)
    directory = disk.open("/d/etc", os.O_RDONLY)
    file = disk.open("codes", os.O_CREAT, dir_fd=directory)
    disk.pwrite(file, TEXT, 0)
    for descriptor in (file, directory, disk.open("/d", os.O_RDONLY)):
        disk.fsync(descriptor)
    disk.steps = 0
    return disk


def knock(rotation: Rotation, ran: Ran) -> None:
    """Somebody knocks what is live: it is struck out, then the command runs."""
    steps = rotation.steps(DOOR)
    if steps:
        rotation.rotate(DOOR)
        ran.append(steps)


def healthy(machine: Machine, ran: Ran) -> None:
    """A life in which every sequence is knocked."""
    rotation = machine.start()
    for _ in range(4):
        knock(rotation, ran)


def read_only(machine: Machine, ran: Ran) -> None:
    """A file that cannot be written for a while: a knock, HUPs, and again knocks."""
    rotation = machine.start()
    machine.read_only = True
    knock(rotation, ran)
    rotation.load_files([DOOR])
    machine.read_only = False
    rotation.load_files([DOOR])
    knock(rotation, ran)
    rotation = machine.start()
    machine.read_only = True
    knock(rotation, ran)
    machine.read_only = False
    machine.start()


def broken(machine: Machine, ran: Ran) -> None:
    """A disk that fails to sync for a while: a knock, a HUP, another start."""
    rotation = machine.start()
    fail_once(machine.disk)
    knock(rotation, ran)
    rotation.load_files([DOOR])
    knock(rotation, ran)
    machine.start()


def fail_once(disk: Disk) -> None:
    """Has the next sync of a file fail, and no other one."""
    really = disk.fsync

    def fsync(descriptor: int) -> None:
        disk.__dict__.pop("fsync")
        disk.broken = True
        try:
            really(descriptor)
        finally:
            disk.broken = False

    disk.__dict__["fsync"] = fsync


def cuts(machine: Machine, life: Callable[[Machine, Ran], None]) -> Iterator[tuple[Disk, Ran]]:
    """Lives a life again and again, cut off a step later each time: the disk then, and what was run."""
    for step in range(1_000):
        disk, ran = new_disk(), Ran()
        disk.cut = step
        machine.put(disk)
        machine.read_only = False
        try:
            life(machine, ran)
        except PowerCutError:
            yield disk, ran
        else:
            assert step > 5
            yield disk, ran
            return


def find_twice(ran: Sequence[Steps]) -> set[Steps]:
    """The sequences that were accepted more than once."""
    return {steps for steps in ran if ran.count(steps) > 1}


@pytest.mark.parametrize("life", [healthy, read_only, broken])
def test_every_cut(machine: Machine, life: Callable[[Machine, Ran], None]) -> None:
    """Whatever the cut has left, the next life opens for no sequence that was run, and loses but one."""
    most = 0
    for disk, ran in cuts(machine, life):
        for left in disk.survivors():
            again = list(ran)
            machine.put(left)
            machine.read_only = False
            healthy(machine, again)
            assert set() == find_twice(again)
            assert len(again) >= 2  # what was struck out when the power was cut may not have been run
            most = max(most, len(ran))
    assert most >= 2


def test_two_cuts(machine: Machine) -> None:
    """Nor does the life after that, if the power is cut again while notes are worked off."""
    for disk, ran in cuts(machine, read_only):
        for left in disk.survivors():
            for step in range(6):
                again, second = list(ran), copy_of(left)
                second.cut = step
                machine.put(second)
                machine.read_only = False
                with suppress(PowerCutError):
                    healthy(machine, again)
                for last in second.survivors():
                    third = list(again)
                    machine.put(last)
                    healthy(machine, third)
                    assert set() == find_twice(third)


def copy_of(disk: Disk) -> Disk:
    """The same disk, to be used again."""
    return next(iter(disk.survivors()))


def test_what_the_machine_does(machine: Machine) -> None:
    """The lives are what they are said to be: sequences are knocked, noted and struck out."""
    machine.put(new_disk())
    ran = Ran()
    read_only(machine, ran)
    names = machine.disk.top.names
    assert 3 == len(ran)
    assert SimpleNamespace(codes=b"# codes\n#1,2,3\n#4:udp,5\n#6,7\n", notes=b"") == SimpleNamespace(
        codes=names["etc"].names["codes"].data, notes=names["state"].names["used-sequences"].data
    )
