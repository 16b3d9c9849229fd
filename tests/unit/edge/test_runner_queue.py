"""Which command runs when: places of a door, order, urgency, and that nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.edge import runner
from tests.support.desk import Desk


def test_order(desk: Desk) -> None:
    """Commands that wait for a place of their door run in the order they came in."""
    lines = [f"echo {number}" for number in range(5)]
    for line in lines:
        desk.run(line, places=1)
    desk.wait(5)
    assert (desk.started, [line for line, _ in desk.ended]) == (lines, lines)


def test_one_at_a_time(desk: Desk, tmp_path: Path) -> None:
    """With one place a command starts after the one before has ended."""
    mark = tmp_path / "mark"
    for _ in range(4):
        desk.run(f"test ! -e {mark} && touch {mark} && rm {mark}", places=1)
    assert [ended.status for ended in desk.wait(4)] == [0, 0, 0, 0]


def test_several_at_a_time(desk: Desk, tmp_path: Path) -> None:
    """With two places two commands run side by side: each waits for what the other says."""
    there, back = tmp_path / "there", tmp_path / "back"
    os.mkfifo(there)
    os.mkfifo(back)
    desk.run(f"echo 1 >{there}; read x <{back}", places=2)
    desk.run(f"read x <{there}; echo 2 >{back}", places=2)
    assert [ended.status for ended in desk.wait(2)] == [0, 0]


def test_urgent_has_places_of_its_own(desk: Desk) -> None:
    """A command that closes a door runs while every place of those that open it is held by one that hangs."""
    desk.run("sleep 60", places=1, deadline=0.3)
    desk.run("echo opens", places=1)
    desk.run("echo closes", places=1, urgent=True)
    desk.wait()
    assert (desk.started, desk.ended[0][0]) == (["sleep 60", "echo closes"], "echo closes")
    desk.wait(3)


def test_doors_do_not_wait_for_each_other(desk: Desk) -> None:
    """A command that hangs takes a place of its own door only."""
    desk.run("sleep 60", group="slow", places=1, deadline=0.3)
    desk.run("true", group="quick", places=1)
    desk.wait()
    assert desk.ended[0][0] == "true"
    desk.wait(2)


def test_too_many_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many wait a command is turned away, but never an urgent one."""
    monkeypatch.setattr(runner, "MAX_WAITING", 2)
    taken = [desk.run("true", places=1) for _ in range(5)]
    urgent = [desk.run("true", places=1, urgent=True) for _ in range(5)]
    desk.wait(8)
    assert (taken, urgent) == ([True, True, True, False, False], [True] * 5)


def test_what_waits_is_dropped(desk: Desk) -> None:
    """What is dropped never starts and has its place back; what runs and what closes a door go on."""
    lines = ["sleep 0.2", "echo waits", "echo waits too"]
    for line in lines:
        desk.run(line, places=1)
        desk.run(f"{line}; true", places=1, urgent=True)
    desk.runner.drop_waiting()
    dropped = list(desk.dropped)
    desk.run("echo later", places=1)
    desk.wait(5)
    assert dropped == lines[1:]
    assert sorted(desk.started) == sorted([lines[0], "echo later", *(f"{line}; true" for line in lines)])


def test_what_drops_may_run_another(desk: Desk) -> None:
    """Who hears of a command that was dropped may hand in another."""
    desk.run("sleep 0.2", places=1)
    desk.run("echo waits", places=1, on_drop=lambda: desk.run("echo instead", places=1))
    desk.runner.drop_waiting()
    desk.wait(2)
    assert desk.started == ["sleep 0.2", "echo instead"]


def test_nothing_is_started_twice(desk: Desk) -> None:
    """Each command starts once and ends once."""
    lines = [f"echo {number}" for number in range(30)]
    for number, line in enumerate(lines):
        desk.run(line, group=number % 3, places=2)
    desk.wait(30)
    assert (sorted(desk.started), sorted(line for line, _ in desk.ended)) == (sorted(lines), sorted(lines))


def test_a_failed_start_gives_its_place_back(desk: Desk) -> None:
    """A command that cannot be executed does not keep its place."""
    for _ in range(3):
        desk.run("/dev/null", places=1)
    desk.run("true", places=1)
    assert [ended.status for ended in desk.wait(4)] == [126, 126, 126, 0]


def test_no_zombies(desk: Desk) -> None:
    """300 commands leave no process behind, and no descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    for number in range(300):
        desk.run("true", group=number % 10)
    desk.wait(300)
    desk.until(lambda: len(os.listdir("/proc/self/fd")) == before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
