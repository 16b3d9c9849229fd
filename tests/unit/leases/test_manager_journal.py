"""Openings and the journal: what is noted before which command runs, and what is taken over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd.leases.journal import State
from knockd.leases.journal_file import Found
from knockd.leases.noting import TRY_AGAIN
from tests.support.doubles.lease_manager import PLAIN, PlayedManager, knock, said
from tests.support.samples.journals import record

FULL = "No space left on device"


@pytest.fixture
def played() -> PlayedManager:
    """Nobody has knocked."""
    return PlayedManager()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def noted(played: PlayedManager) -> list[list[str]]:
    """The states of the leases in every commit."""
    return [[one.state.value for one in commit] for commit in played.journal.commits]


def test_noted_before_it_opens(played: PlayedManager) -> None:
    """The lease is in the journal before its start command runs."""
    played.manager.open(knock())
    before = (noted(played), played.runner.lines)
    played.loop.turn()
    assert before == ([], [])
    assert noted(played) == [["starting"]]
    assert played.runner.lines == ["open 192.0.2.1"]


def test_each_change_is_noted(played: PlayedManager) -> None:
    """A visit is noted before the start command, after it, and after the stop command."""
    played.opened()
    played.wait()
    played.end()
    assert noted(played) == [["starting"], ["open"], []]


def test_one_commit_for_all(played: PlayedManager) -> None:
    """All openings of one turn of the loop are noted once, and then their commands start."""
    played.open(*(knock(source=f"192.0.2.{number}") for number in range(1, 6)))
    assert noted(played) == [["starting"] * 5]
    assert len(played.runner.lines) == 5


def test_no_commit_without_stop_command(played: PlayedManager) -> None:
    """A door that is never closed opens at once, and nothing is noted."""
    played.manager.open(knock(PLAIN))
    lines = list(played.runner.lines)
    played.end()
    assert lines == ["open 192.0.2.1"]
    assert played.journal.commits == []


def test_lease_in_the_environment(played: PlayedManager) -> None:
    """A command of a lease has the lease's id in its environment: by that it is found after a kill."""
    played.opened()
    played.wait()
    names = [command.environment().get("KNOCKD_LEASE") for command in played.runner.commands]
    lease = played.journal.commits[0][0].id
    assert names == [f"{lease} start", f"{lease} stop"]


def test_renewal_is_noted(played: PlayedManager) -> None:
    """The start command of a renewal waits for the journal like any other."""
    played.opened()
    played.open(knock())
    played.runner.end()
    before = list(played.runner.lines)
    played.loop.turn()
    assert len(before) == 2
    assert len(played.runner.lines) == 3
    assert noted(played)[-1] == ["starting"]


@pytest.mark.parametrize("same_boot", [True, False])
def test_stop_that_is_not_run_is_noted_last(played: PlayedManager, same_boot: bool) -> None:
    """What follows of a stop command that cannot be run is noted after it: the journal has nothing old."""
    too_long = record(stop="%IP%".ljust(5_000, "x"), deadline=2_000.0)
    played.journal.found = [Found((too_long,), same_boot=same_boot)]
    played.manager.recover()
    if same_boot:
        played.open(knock())
    played.loop.turn()
    assert noted(played)[-1] == (["starting"] if same_boot else [])


def test_full_disk(played: PlayedManager) -> None:
    """A door opens also when the journal cannot be written: a full disk is when the owner must get in."""
    played.journal.reason = FULL
    played.open(knock())
    assert played.runner.lines == ["open 192.0.2.1"]
    assert played.loop.waiting == [TRY_AGAIN]


def test_place_is_chosen_again(played: PlayedManager) -> None:
    """Once a minute the journal's place is chosen again, until it is StateDir."""
    played.journal.reason = FULL
    played.manager.recover()
    played.fire(TRY_AGAIN)
    assert played.journal.choices == 2
    assert played.loop.waiting == [TRY_AGAIN]
    played.journal.reason = None
    played.fire(TRY_AGAIN)
    assert played.journal.choices == 3
    assert played.loop.waiting == []


def test_the_minute_is_not_put_off(played: PlayedManager) -> None:
    """Commits that fail meanwhile do not put the next choice off, and choose no place."""
    played.journal.reason = FULL
    played.open(knock())
    (timer,) = (one for one in played.loop.timers if not one.cancelled)
    played.open(knock(source="192.0.2.2"))
    assert not timer.cancelled
    assert played.journal.choices == 0


def test_a_commit_that_works_ends_the_search(played: PlayedManager) -> None:
    """When a commit goes to StateDir no place is to be chosen."""
    played.journal.reason = FULL
    played.open(knock())
    played.journal.reason = None
    played.open(knock(source="192.0.2.2"))
    assert played.loop.waiting == []


def test_state_required(log: list[Any]) -> None:
    """With State_Required an opening that cannot be noted is refused and logged; nothing is left of it."""
    played = PlayedManager(state_required=True)
    played.journal.reason = FULL
    played.open(knock())
    assert played.runner.lines == []
    assert said(log) == [f"refused State_Required, and StateDir cannot be written ({FULL})"]
    assert played.manager.counts == (0, 0)


def test_state_required_and_no_stop_command() -> None:
    """A door that is never closed needs no journal."""
    played = PlayedManager(state_required=True)
    played.journal.reason = FULL
    played.open(knock(PLAIN))
    assert played.runner.lines == ["open 192.0.2.1"]


def test_state_required_and_renewal() -> None:
    """A renewal that cannot be noted leaves the door open as it is: it is not closed for nothing."""
    played = PlayedManager(state_required=True)
    played.opened()
    played.journal.reason = FULL
    played.open(knock())
    assert played.runner.lines == ["open 192.0.2.1"]
    assert played.manager.counts == (1, 0)


def test_state_required_and_a_flood() -> None:
    """Knocks at a door that opens just now cost no commit each."""
    played = PlayedManager(state_required=True)
    played.open(*[knock()] * 50)
    assert len(played.journal.commits) == 1


def test_adopt(played: PlayedManager) -> None:
    """A new configuration moves the journal when there is something in it, and leases stay."""
    played.opened()
    config = replace(played.config, options=replace(played.config.options, state_dir="/elsewhere"))
    before = len(played.journal.commits)
    played.manager.adopt(replace(config, doors=()))
    assert len(played.journal.commits) == before + 1
    assert played.journal.choices == 1
    assert played.journal.path == "/elsewhere"
    assert len(played.journal.commits[-1]) == 1
    assert played.manager.counts == (1, 0)


def test_recovered(played: PlayedManager, log: list[Any]) -> None:
    """What the last run left open stays open until its time is over, and is logged."""
    played.journal.found = [Found((record(deadline=1_006.0),), same_boot=True)]
    played.manager.recover()
    lines = list(played.runner.lines)
    played.wait()
    assert lines == []
    assert played.runner.lines == ["close 192.0.2.1; sync"]
    assert said(log)[0] == "recovered 6.0"
    assert log[0]["ip"] == "192.0.2.1"
    assert log[0]["door"] == "ssh"


def test_recovered_of_another_boot(played: PlayedManager, log: list[Any]) -> None:
    """What another boot left is closed at once, and logged."""
    played.journal.found = [Found((record(deadline=1_006.0),), same_boot=False)]
    played.manager.recover()
    assert played.runner.lines == ["close 192.0.2.1; sync"]
    assert said(log)[0] == "recovered 0.0"


@pytest.mark.parametrize("state", [State.RETRYING, State.FAILED])
def test_recovered_failure(played: PlayedManager, log: list[Any], state: State) -> None:
    """What could not be closed is logged as that."""
    played.journal.found = [Found((record(state=state),), same_boot=True)]
    played.manager.recover()
    assert said(log) == ["recovered-failed"]


def test_recovered_is_noted(played: PlayedManager) -> None:
    """What was found is noted at once, where it belongs."""
    played.journal.found = [Found((record(),), same_boot=True)]
    played.manager.recover()
    assert played.journal.commits[0] == (record(),)


def test_nothing_to_recover_for() -> None:
    """When no door is ever closed and nothing was found nothing is noted."""
    played = PlayedManager()
    played.manager._doors = (PLAIN,)
    played.manager.recover()
    played.manager.adopt(replace(played.config, doors=(PLAIN,)))
    assert played.journal.commits == []


@pytest.mark.parametrize("key", ["stop_command", "stop_command_6"])
def test_a_door_that_is_closed_needs_a_journal(key: str) -> None:
    """A stop command for one IP version is enough for the journal to be made at the start."""
    played = PlayedManager()
    played.manager._doors = (replace(PLAIN, **{key: "close"}),)  # type: ignore[arg-type]
    played.manager.recover()
    assert played.journal.commits == [()]


def test_found_late(played: PlayedManager, log: list[Any]) -> None:
    """Leases that a StateDir held which could not be read at the start are taken over at a later choice."""
    played.journal.reason = FULL
    played.manager.recover()
    played.journal.found = [Found((record(9, deadline=1_006.0),), same_boot=True)]
    played.opened()
    assert said(log) == ["command open 192.0.2.1"]
    played.fire(TRY_AGAIN)
    assert said(log)[1:] == ["recovered 6.0"]
    assert len(played.journal.commits[-1]) == 2


def test_removed_door(played: PlayedManager) -> None:
    """A lease whose door is not in the configuration any more is closed as it was opened to be."""
    played.journal.found = [Found((record(door="gone", deadline=1_001.0),), same_boot=True)]
    played.manager.recover()
    played.wait()
    assert played.runner.lines == ["close 192.0.2.1; sync"]


def leave(played: PlayedManager, *, keep: bool = False) -> int:
    """The daemon ends without waiting for anything; how many leases are left."""
    left: list[int] = []
    end = played.manager.keep if keep else played.manager.close
    end(20.0, left.append)
    played.loop.turn()
    if not left:
        played.fire(20.0)
    return left[0]


def test_left_open_is_noted(played: PlayedManager) -> None:
    """What could not be closed in time is in the journal, as over."""
    played.opened()
    played.now += 3
    assert leave(played) == 1
    assert [(one.state, one.deadline) for one in played.journal.commits[-1]] == [(State.STOPPING, 1_003.0)]


def test_stop_that_fails_at_the_end(played: PlayedManager, log: list[Any]) -> None:
    """A stop command that fails while the daemon ends is left to the next start, and logged."""
    played.opened()
    left: list[int] = []
    played.manager.close(20.0, left.append)
    played.end(1)
    assert left == [1]
    assert noted(played)[-1] == ["failed"]
    assert said(log)[-1] == "stop-failed close 192.0.2.1; sync 1"


def test_keep(played: PlayedManager) -> None:
    """With keep no stop command runs, and every lease is in the journal as it was."""
    played.opened()
    assert leave(played, keep=True) == 1
    assert played.runner.lines == ["open 192.0.2.1"]
    assert noted(played)[-1] == ["open"]


def test_keep_does_not_open(played: PlayedManager, log: list[Any]) -> None:
    """An opening that has not run yet when the daemon ends is refused."""
    played.manager.open(knock())
    assert leave(played, keep=True) == 0
    assert played.runner.lines == []
    assert said(log) == ["refused shutting down"]


def test_keep_waits_for_a_start(played: PlayedManager) -> None:
    """A start command that runs comes to its end, and its time counts from there."""
    played.open(knock())
    left: list[int] = []
    played.manager.keep(20.0, left.append)
    played.end()
    assert left == [1]
    assert noted(played)[-1] == ["open"]
