"""The power is cut at every step while lines are added: each is there as a whole, or not in use."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from knockd.files import trusted
from knockd.sequences import one_time_file
from knockd.sequences.one_time_file import add_one_time
from knockd_conf.model import Step
from knockd_conf.one_time import find_lines, parse_one_time
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.disk_without_power import Disk, PowerCutError
from tests.support.doubles.played import steps

OLD = b"# codes\n#1,2,3\n 4:udp,5"
NEW = tuple(steps(f"5000{n} 6000{n}u 5555{n}") for n in range(3))


def put(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a disk in the place of the real one."""

    def open_file(path: str, flags: int, mode: int = 0o600, policy: TrustPolicy | None = None) -> int:
        del mode, policy
        folder, name = os.path.split(path)
        return disk.open(name, flags, dir_fd=disk.open(folder, os.O_RDONLY))

    monkeypatch.setattr(one_time_file, "os", disk)
    monkeypatch.setattr(trusted, "os", disk)
    monkeypatch.setattr(one_time_file, "fcntl", disk.fcntl)
    monkeypatch.setattr(one_time_file, "open_trusted", open_file)


def new_disk(cut: int) -> Disk:
    """A disk with a file, whose sectors are small."""
    disk = Disk(sector=32)
    disk.mkdir("/d/etc", 0o700)
    directory = disk.open("/d/etc", os.O_RDONLY)
    file = disk.open("codes", os.O_CREAT, dir_fd=directory)
    disk.pwrite(file, OLD, 0)
    for descriptor in (file, directory, disk.open("/d", os.O_RDONLY)):
        disk.fsync(descriptor)
    disk.steps, disk.cut = 0, cut
    return disk


def choose(_known: Sequence[tuple[Step, ...]]) -> tuple[tuple[Step, ...], ...]:
    """The lines to add."""
    return NEW


def test_every_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is live is what was live, and of the new sequences any, but nothing else; in the end all."""
    counts: set[int] = set()
    for step in range(1_000):
        disk = new_disk(step)
        put(disk, monkeypatch)
        try:
            add_one_time("/d/etc/codes", choose)
            done = True
        except PowerCutError:
            done = False
        for left in disk.survivors():
            data = bytes(left.top.names["etc"].names["codes"].data)
            found = [line.steps for line in find_lines(data)]
            assert steps("4u 5") == found[0]
            assert set(found[1:]) <= set(NEW)
            assert data.startswith(OLD)
            assert not done or [steps("4u 5"), *NEW] == found
            assert () == parse_one_time(data).problems or b"\0" in data
            counts.add(len(found))
        if done:
            break
    assert {1, 2, 3, 4} == counts
