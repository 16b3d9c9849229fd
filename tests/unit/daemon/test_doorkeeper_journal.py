"""Openings and the journal: what is noted before which command runs, and what is taken over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from knockd.engine.journal import State
from knockd.keeper.bookkeeper import Found
from knockd.keeper.doorkeeper import TRY_AGAIN
from tests.support.hall import PLAIN, Hall, knock, said
from tests.support.journals import record

FULL = "No space left on device"


@pytest.fixture
def hall() -> Hall:
    """Nobody has knocked."""
    return Hall()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


def noted(hall: Hall) -> list[list[str]]:
    """The states of the leases in every commit."""
    return [[one.state.value for one in commit] for commit in hall.book.commits]


def test_noted_before_it_opens(hall: Hall) -> None:
    """The lease is in the journal before its start command runs."""
    hall.keeper.open(knock())
    before = (noted(hall), hall.hands.lines)
    hall.loop.turn()
    assert (before, noted(hall), hall.hands.lines) == (([], []), [["starting"]], ["open 192.0.2.1"])


def test_each_change_is_noted(hall: Hall) -> None:
    """A visit is noted before the start command, after it, and after the stop command."""
    hall.opened()
    hall.wait()
    hall.end()
    assert noted(hall) == [["starting"], ["open"], []]


def test_one_commit_for_all(hall: Hall) -> None:
    """All openings of one turn of the loop are noted once, and then their commands start."""
    hall.open(*(knock(source=f"192.0.2.{number}") for number in range(1, 6)))
    assert (noted(hall), len(hall.hands.lines)) == ([["starting"] * 5], 5)


def test_no_commit_without_stop_command(hall: Hall) -> None:
    """A door that is never closed opens at once, and nothing is noted."""
    hall.keeper.open(knock(PLAIN))
    lines = list(hall.hands.lines)
    hall.end()
    assert (lines, hall.book.commits) == (["open 192.0.2.1"], [])


def test_lease_in_the_environment(hall: Hall) -> None:
    """A command of a lease has the lease's id in its environment: by that it is found after a kill."""
    hall.opened()
    hall.wait()
    names = [command.environment.get("KNOCKD_LEASE") for command in hall.hands.commands]
    lease = hall.book.commits[0][0].id
    assert names == [f"{lease} start", f"{lease} stop"]


def test_renewal_is_noted(hall: Hall) -> None:
    """The start command of a renewal waits for the journal like any other."""
    hall.opened()
    hall.open(knock())
    hall.hands.end()
    before = list(hall.hands.lines)
    hall.loop.turn()
    assert (len(before), len(hall.hands.lines), noted(hall)[-1]) == (2, 3, ["starting"])


def test_full_disk(hall: Hall) -> None:
    """A door opens also when the journal cannot be written: a full disk is when the owner must get in."""
    hall.book.reason = FULL
    hall.open(knock())
    assert (hall.hands.lines, hall.loop.waiting) == (["open 192.0.2.1"], [TRY_AGAIN])


def test_tried_again(hall: Hall) -> None:
    """Without another opening StateDir is tried again after a while, until it is back."""
    hall.book.reason = FULL
    hall.open(knock())
    hall.book.reason = None
    hall.loop.fire()
    hall.loop.turn()
    assert (len(hall.book.commits), hall.loop.waiting) == (2, [])


def test_state_required(log: list[Any]) -> None:
    """With State_Required an opening that cannot be noted is refused and told; nothing is left of it."""
    hall = Hall(state_required=True)
    hall.book.reason = FULL
    hall.open(knock())
    assert (hall.hands.lines, said(log), hall.keeper.counts) == (
        [],
        [f"refused State_Required, and StateDir cannot be written ({FULL})"],
        (0, 0),
    )


def test_state_required_and_no_stop_command() -> None:
    """A door that is never closed needs no journal."""
    hall = Hall(state_required=True)
    hall.book.reason = FULL
    hall.open(knock(PLAIN))
    assert hall.hands.lines == ["open 192.0.2.1"]


def test_state_required_and_renewal() -> None:
    """A renewal that cannot be noted leaves the door open as it is: it is not closed for nothing."""
    hall = Hall(state_required=True)
    hall.opened()
    hall.book.reason = FULL
    hall.open(knock())
    assert (hall.hands.lines, hall.keeper.counts) == (["open 192.0.2.1"], (1, 0))


def test_state_required_and_a_flood() -> None:
    """Knocks at a door that opens just now cost no commit each."""
    hall = Hall(state_required=True)
    hall.open(*[knock()] * 50)
    assert len(hall.book.commits) == 1


def test_adopt(hall: Hall) -> None:
    """A new configuration moves the journal when there is something in it, and leases stay."""
    hall.opened()
    config = replace(hall.config, options=replace(hall.config.options, state_dir="/elsewhere"))
    hall.keeper.adopt(config)
    assert (hall.book.path, len(hall.book.commits[-1]), hall.keeper.counts) == ("/elsewhere", 1, (1, 0))


def test_recovered(hall: Hall, log: list[Any]) -> None:
    """What the last run left open stays open until its time is over, and is told."""
    hall.book.found = [Found((record(deadline=1_006.0),), same_boot=True)]
    hall.keeper.recover()
    lines = list(hall.hands.lines)
    hall.wait()
    assert (lines, hall.hands.lines, said(log)[0], log[0]["ip"], log[0]["door"]) == (
        [],
        ["close 192.0.2.1; sync"],
        "recovered 6.0",
        "192.0.2.1",
        "ssh",
    )


def test_recovered_of_another_boot(hall: Hall, log: list[Any]) -> None:
    """What another boot left is closed at once, and told."""
    hall.book.found = [Found((record(deadline=1_006.0),), same_boot=False)]
    hall.keeper.recover()
    assert (hall.hands.lines, said(log)[0]) == (["close 192.0.2.1; sync"], "recovered 0.0")


@pytest.mark.parametrize("state", [State.RETRYING, State.FAILED])
def test_recovered_failure(hall: Hall, log: list[Any], state: State) -> None:
    """What could not be closed is told as that."""
    hall.book.found = [Found((record(state=state),), same_boot=True)]
    hall.keeper.recover()
    assert said(log) == ["recovered-failed"]


def test_recovered_is_noted(hall: Hall) -> None:
    """What was found is noted at once, where it belongs."""
    hall.book.found = [Found((record(),), same_boot=True)]
    hall.keeper.recover()
    assert hall.book.commits[0] == (record(),)


def test_nothing_to_recover_for() -> None:
    """When no door is ever closed and nothing was found nothing is noted."""
    hall = Hall()
    hall.keeper._doors = (PLAIN,)
    hall.keeper.recover()
    assert hall.book.commits == []


def test_found_late(hall: Hall, log: list[Any]) -> None:
    """Leases that a StateDir held which could not be read at the start are taken over when it can be."""
    hall.book.late = [Found((record(9, deadline=1_006.0),), same_boot=True)]
    hall.opened()
    assert (len(hall.book.commits[0]), said(log)[0]) == (2, "recovered 6.0")


def test_removed_door(hall: Hall) -> None:
    """A lease whose door is not in the configuration any more is closed as it was opened to be."""
    hall.book.found = [Found((record(door="gone", deadline=1_001.0),), same_boot=True)]
    hall.keeper.recover()
    hall.wait()
    assert hall.hands.lines == ["close 192.0.2.1; sync"]


def leave(hall: Hall, *, keep: bool = False) -> int:
    """The daemon ends without waiting for anything; how many leases are left."""

    async def act() -> int:
        return await (hall.keeper.keep(0.01) if keep else hall.keeper.close(0.01))

    return asyncio.run(act())


def test_left_open_is_noted(hall: Hall) -> None:
    """What could not be closed in time is in the journal, as over."""
    hall.opened()
    hall.now += 3
    assert (leave(hall), [(one.state, one.deadline) for one in hall.book.commits[-1]]) == (
        1,
        [(State.STOPPING, 1_003.0)],
    )


def test_stop_that_fails_at_the_end(hall: Hall, log: list[Any]) -> None:
    """A stop command that fails while the daemon ends is left to the next start, and told."""
    hall.opened()

    async def act() -> int:
        asyncio.get_running_loop().call_soon(hall.end, 1)
        return await hall.keeper.close(20)

    assert (asyncio.run(act()), noted(hall)[-1], said(log)[-1]) == (
        1,
        ["failed"],
        "stop-failed close 192.0.2.1; sync 1",
    )


def test_keep(hall: Hall) -> None:
    """With keep no stop command runs, and every lease is in the journal as it was."""
    hall.opened()
    assert (leave(hall, keep=True), hall.hands.lines, noted(hall)[-1]) == (1, ["open 192.0.2.1"], ["open"])


def test_keep_does_not_open(hall: Hall, log: list[Any]) -> None:
    """An opening that has not run yet when the daemon ends is refused."""
    hall.keeper.open(knock())
    assert (leave(hall, keep=True), hall.hands.lines, said(log)) == (0, [], ["refused shutting down"])


def test_keep_waits_for_a_start(hall: Hall) -> None:
    """A start command that runs comes to its end, and its time counts from there."""
    hall.open(knock())

    async def act() -> int:
        asyncio.get_running_loop().call_soon(hall.end)
        return await hall.keeper.keep(20)

    assert (asyncio.run(act()), noted(hall)[-1]) == (1, ["open"])
