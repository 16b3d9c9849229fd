"""Which command runs when: slots of a door, order, urgency, and that nothing is left behind."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from knockd.leases import runner
from tests.support.doubles.run_commands import CommandRuns


def test_order(runs: CommandRuns) -> None:
    """Commands that wait for a slot of their door run in FIFO order."""
    lines = [f"echo {number}" for number in range(5)]
    for line in lines:
        runs.run(line, slots=1)
    runs.wait(5)
    assert runs.started == lines
    assert [line for line, _ in runs.ended] == lines


def test_one_at_a_time(runs: CommandRuns, tmp_path: Path) -> None:
    """With one slot a command starts after the one before has ended."""
    mark = tmp_path / "mark"
    for _ in range(4):
        runs.run(f"test ! -e {mark} && touch {mark} && rm {mark}", slots=1)
    assert [ended.status for ended in runs.wait(4)] == [0, 0, 0, 0]


def test_several_at_a_time(runs: CommandRuns, tmp_path: Path) -> None:
    """With two slots two commands run side by side: each waits for what the other says."""
    there, back = tmp_path / "there", tmp_path / "back"
    os.mkfifo(there)
    os.mkfifo(back)
    runs.run(f"echo 1 >{there}; read x <{back}", slots=2)
    runs.run(f"read x <{there}; echo 2 >{back}", slots=2)
    assert [ended.status for ended in runs.wait(2)] == [0, 0]


def test_urgent_has_places_of_its_own(runs: CommandRuns) -> None:
    """A command that closes a door runs while every place of those that open it is held by one that hangs."""
    runs.run("sleep 60", slots=1, deadline=0.3)
    runs.run("echo opens", slots=1)
    runs.run("echo closes", slots=1, urgent=True)
    runs.wait()
    assert runs.started == ["sleep 60", "echo closes"]
    assert runs.ended[0][0] == "echo closes"
    runs.wait(3)


def test_doors_do_not_wait_for_each_other(runs: CommandRuns) -> None:
    """A command that hangs takes a place of its own door only."""
    runs.run("sleep 60", door="slow", slots=1, deadline=0.3)
    runs.run("true", door="quick", slots=1)
    runs.wait()
    assert runs.ended[0][0] == "true"
    runs.wait(2)


def test_too_many_wait(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many wait a command is turned away, but never an urgent one."""
    monkeypatch.setattr(runner, "MAX_WAITING", 2)
    taken = [runs.run("true", slots=1) for _ in range(5)]
    urgent = [runs.run("true", slots=1, urgent=True) for _ in range(5)]
    runs.wait(8)
    assert taken == [True, True, True, False, False]
    assert urgent == [True] * 5


def test_what_waits_is_dropped(runs: CommandRuns) -> None:
    """What is dropped never starts and has its place back; what runs and what closes a door go on."""
    lines = ["sleep 0.2", "echo waits", "echo waits too"]
    for line in lines:
        runs.run(line, slots=1)
        runs.run(f"{line}; true", slots=1, urgent=True)
    runs.runner.drop_waiting()
    dropped = list(runs.dropped)
    runs.run("echo later", slots=1)
    runs.wait(5)
    assert dropped == lines[1:]
    assert sorted(runs.started) == sorted([lines[0], "echo later", *(f"{line}; true" for line in lines)])


def test_hurry(runs: CommandRuns) -> None:
    """What closes a door waits for no slot any more, nor what comes later; what opens one still does."""
    for _ in range(3):
        runs.run("sleep 0.3; true", slots=1, urgent=True)
        runs.run("sleep 0.3", slots=1)
    runs.runner.hurry()
    runs.run("sleep 0.3; true", slots=1, urgent=True)
    runs.until(lambda: len(runs.started) == 5)
    assert sorted(runs.started) == ["sleep 0.3", *["sleep 0.3; true"] * 4]
    assert {ended.status for ended in runs.wait(7)} == {0}


def test_hurry_has_a_limit(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, not more than so many run at once, and each ends once."""
    monkeypatch.setattr(runner, "MAX_AT_ONCE", 4)
    for number in range(20):
        runs.run(f"sleep 0.05; true {number}", slots=1, urgent=True)
    runs.runner.hurry()
    runs.until(lambda: len(runs.started) >= 4)
    assert len(runs.runner._running) <= 4
    runs.wait(20)
    assert runs.started == [f"sleep 0.05; true {number}" for number in range(20)]


def test_one_start_a_turn(runs: CommandRuns) -> None:
    """However many may start at once, one does in a turn of the loop: what is due meanwhile is not late."""
    seen: list[int] = []

    def look() -> None:
        seen.append(len(runs.started))
        if len(seen) < 40:
            runs.loop.call_soon(look)

    for number in range(20):
        runs.run(f"true {number}", slots=1, urgent=True)
    runs.runner.hurry()
    runs.loop.call_soon(look)
    runs.wait(20)
    assert max(later - now for now, later in pairwise(seen)) == 1


def test_what_drops_may_run_another(runs: CommandRuns) -> None:
    """Who hears of a command that was dropped may hand in another."""
    runs.run("sleep 0.2", slots=1)
    runs.run("echo waits", slots=1, on_drop=lambda: runs.run("echo instead", slots=1))
    runs.runner.drop_waiting()
    runs.wait(2)
    assert runs.started == ["sleep 0.2", "echo instead"]


def test_nothing_is_started_twice(runs: CommandRuns) -> None:
    """Each command starts once and ends once."""
    lines = [f"echo {number}" for number in range(30)]
    for number, line in enumerate(lines):
        runs.run(line, door=number % 3, slots=2)
    runs.wait(30)
    assert sorted(runs.started) == sorted(lines)
    assert sorted(line for line, _ in runs.ended) == sorted(lines)


def test_a_failed_start_gives_its_place_back(runs: CommandRuns) -> None:
    """A command that cannot be executed does not keep its place."""
    for _ in range(3):
        runs.run("/dev/null", slots=1)
    runs.run("true", slots=1)
    assert [ended.status for ended in runs.wait(4)] == [126, 126, 126, 0]


def test_no_zombies(runs: CommandRuns) -> None:
    """300 commands leave no process behind, and no descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    for number in range(300):
        runs.run("true", door=number % 10)
    runs.wait(300)
    runs.until(lambda: len(os.listdir("/proc/self/fd")) == before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_room(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room while a slot is free, or as many may wait as come before."""
    monkeypatch.setattr("knockd.leases.runner.MAX_WAITING", 2)
    runs.run("true", slots=1)
    assert runs.runner.has_room("door", 9)
    runs.run("true", slots=1)
    assert [runs.runner.has_room("door", ahead) for ahead in (0, 1)] == [True, False]
    assert runs.runner.has_room("another", 9)
    runs.wait(2)
