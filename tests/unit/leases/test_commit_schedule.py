"""When the journal is written: at once after a quiet time, with pauses in a storm."""

from __future__ import annotations

import pytest

from knockd.leases.commit_schedule import LAZY, LONGEST, CommitSchedule
from tests.support.doubles.manual_loop import ManualLoop


class Disk:
    """A journal whose commits take as long as the test says."""

    def __init__(self, takes: float = 0.004) -> None:
        self.loop = ManualLoop()
        self.now = 100.0
        self.takes = takes
        self.commits = 0
        self.schedule = CommitSchedule(self.loop.loop, lambda: self.now, self.commit)

    def commit(self) -> None:
        """Commits."""
        self.schedule.time_commit(self.write)

    def write(self) -> None:
        """Takes its time."""
        self.now += self.takes
        self.commits += 1

    def plan(self, *, urgent: bool) -> list[float]:
        """Something is to be noted; what waits then."""
        self.schedule.plan_commit(urgent=urgent)
        return [round(seconds, 6) for seconds in self.loop.waiting]


@pytest.fixture
def disk() -> Disk:
    """A disk that has just written, and took 4 ms."""
    made = Disk()
    made.commit()
    return made


@pytest.mark.parametrize("urgent", [True, False])
def test_after_a_quiet_time(disk: Disk, urgent: bool) -> None:
    """After a quiet time there is no pause: the commit is in the next turn of the loop."""
    disk.now += 1
    waiting = disk.plan(urgent=urgent)
    disk.loop.turn()
    assert waiting == []
    assert disk.commits == 2


def test_pause_of_an_opening(disk: Disk) -> None:
    """An opening right after a commit waits as long as that took: half the time is the loop's."""
    assert disk.plan(urgent=True) == [0.004]


def test_pause_of_an_end(disk: Disk) -> None:
    """What no start command waits for has longer pauses."""
    assert disk.plan(urgent=False) == [0.004 * LAZY]


def test_longest_pause() -> None:
    """A slow disk makes nobody wait longer than that."""
    disk = Disk(takes=3.0)
    disk.commit()
    assert disk.plan(urgent=False) == [LONGEST]


def test_many_are_one(disk: Disk) -> None:
    """However much is to be noted, there is one commit."""
    disk.now += 1
    for _ in range(5):
        disk.plan(urgent=True)
    disk.loop.turn()
    assert disk.commits == 2


def test_opening_does_not_wait_for_an_end(disk: Disk) -> None:
    """An opening moves a commit that was planned later forward."""
    disk.plan(urgent=False)
    assert disk.plan(urgent=True) == [0.004]


def test_end_does_not_hold_an_opening_up(disk: Disk) -> None:
    """What can wait leaves a commit that cannot where it is."""
    disk.plan(urgent=True)
    assert disk.plan(urgent=False) == [0.004]


def test_pause_counts_from_the_end(disk: Disk) -> None:
    """A pause begins when a commit has ended, whenever it was planned."""
    disk.now += 0.003
    assert disk.plan(urgent=True) == [0.001]


def test_cancelled(disk: Disk) -> None:
    """After a cancel nothing is planned; a second one does nothing."""
    disk.plan(urgent=True)
    disk.schedule.cancel_commit()
    disk.schedule.cancel_commit()
    assert disk.loop.waiting == []


def test_another_commit_is_as_good(disk: Disk) -> None:
    """A commit that came otherwise makes the planned one needless."""
    disk.plan(urgent=False)
    disk.commit()
    assert disk.loop.waiting == []
