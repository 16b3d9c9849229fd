"""How the lease manager closes: every lease stopped, nothing waited for that does not end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.support.doubles.lease_manager import PLAIN, PlayedManager, knock, said


class Ending:
    """A lease manager that is asked to close."""

    def __init__(self) -> None:
        self.left: list[int] = []

    def run(
        self,
        before: Callable[[PlayedManager], None],
        during: Callable[[PlayedManager], None],
        *,
        late: bool = False,
    ) -> PlayedManager:
        """Closes after ``before``; ``during`` happens while it waits; ``late``: patience ends."""
        played = PlayedManager()
        before(played)
        played.manager.close(20.0, self.left.append)
        assert self.left == []
        during(played)
        played.loop.turn()
        if late:
            played.fire(20.0)
        return played


def _nothing(_hall: PlayedManager) -> None:
    return


def test_close() -> None:
    """At the end every lease is stopped, and closing ends with the last stop command."""
    ending = Ending()
    played = ending.run(PlayedManager.opened, PlayedManager.end)
    assert ending.left == [0]
    assert played.runner.lines == ["open 192.0.2.1", "close 192.0.2.1; sync"]


def test_close_without_leases() -> None:
    """Without leases closing does not wait, even for a command that runs."""
    ending = Ending()
    ending.run(lambda played: played.open(knock(PLAIN)), _nothing)
    assert ending.left == [0]


def test_close_while_starting() -> None:
    """A start command that runs is left to end; then the stop command runs, without talk of a timeout."""
    ending = Ending()

    def end(played: PlayedManager) -> None:
        played.end()
        played.fire(0.0)
        played.end()

    with capture_logs() as log:
        played = ending.run(lambda played: played.open(knock()), end)
    assert ending.left == [0]
    assert played.runner.lines == ["open 192.0.2.1", "close 192.0.2.1; sync"]
    assert said(cast(list[Any], log)) == ["command open 192.0.2.1", "command close 192.0.2.1; sync"]


def test_impatience() -> None:
    """A stop command that does not end in time is counted, not waited for."""
    ending = Ending()
    ending.run(PlayedManager.opened, _nothing, late=True)
    assert ending.left == [1]


def test_hurry() -> None:
    """After half the time nothing that closes a door waits for another any more."""
    played, left = PlayedManager(), list[int]()
    played.opened()
    played.manager.close(20.0, left.append)
    assert played.runner.hurries == 0
    played.fire(10.0)
    assert (played.runner.hurries, left) == (1, [])


@pytest.mark.parametrize("keep", [False, True])
def test_end_now(keep: bool) -> None:
    """Who is not waited for any longer is left, and known; nothing is told twice, and no timer is left."""
    played, left = PlayedManager(), list[int]()
    played.open(knock(), knock(source="192.0.2.2"))
    leave = played.manager.keep if keep else played.manager.close
    leave(20.0, left.append)
    for _ in range(2):
        played.manager.end_now()
        played.loop.turn()
    assert left == [2]
    assert [one.source for one in played.manager.left()] == ["192.0.2.1", "192.0.2.2"]
    assert played.loop.waiting == []


def test_end_now_before_the_end() -> None:
    """Nothing ends that has not begun to end."""
    played = PlayedManager()
    played.opened()
    played.manager.end_now()
    assert played.loop.soon == []


def test_knock_while_closing() -> None:
    """A knock while the daemon ends is refused and logged."""
    with capture_logs() as log:
        Ending().run(_nothing, lambda played: played.open(knock()))
        Ending().run(PlayedManager.opened, lambda played: played.open(knock()), late=True)
    assert said(cast(list[Any], log))[-1] == "refused shutting down"


@pytest.mark.parametrize("keep", [False, True])
def test_what_waits_for_a_place(keep: bool) -> None:
    """At the end a start command that waits for a place is refused, and the journal has no lease of it."""

    played, left = PlayedManager(), list[int]()
    with capture_logs() as log:
        played.runner.busy = True
        played.open(knock(), knock(PLAIN, source="192.0.2.2"))
        leave = played.manager.keep if keep else played.manager.close
        leave(20.0, left.append)
        played.loop.turn()
    assert left == [0]
    assert played.runner.lines == []
    assert played.journal.commits[-1] == ()
    assert said(cast(list[Any], log)) == ["refused shutting down"] * 2


def test_a_renewal_that_waits_for_a_place_when_patience_ends() -> None:
    """Doors that are kept are open: a renewal whose stop command has worked and no more is not among them."""

    played, left = PlayedManager(), list[int]()
    with capture_logs() as log:
        played.opened()
        played.open(knock())
        played.runner.busy = True
        played.manager.keep(20.0, left.append)
        played.end()
        played.fire(20.0)
    assert left == [0]
    assert played.journal.commits[-1] == ()
    assert said(cast(list[Any], log))[-1] == "refused shutting down"


def test_told_once() -> None:
    """When all is closed in time the end of the patience changes nothing, and no timer is left."""
    ending = Ending()
    played = ending.run(PlayedManager.opened, PlayedManager.end)
    assert ending.left == [0]
    assert played.loop.waiting == []


def test_leases_in_memory_alone_cannot_be_kept() -> None:
    """Nothing is left to a next start that would not know of it; with no lease there is nothing to lose."""
    played = PlayedManager()
    played.journal.lasts = False
    before = played.manager.can_keep()
    played.opened()
    without = played.manager.can_keep()
    played.journal.lasts = True
    assert before
    assert not without
    assert played.manager.can_keep()


def test_an_opening_that_waits_to_be_noted_is_not_kept() -> None:
    """Asking whether doors can be kept opens none."""
    played = PlayedManager()
    played.manager.open(knock())
    played.manager.can_keep()
    assert played.runner.lines == []
    assert played.manager.counts == (0, 0)


@pytest.mark.parametrize("keep", [False, True])
def test_leases_in_memory_alone_get_a_place_at_the_end(keep: bool) -> None:
    """What could be noted nowhere is noted wherever it can be before the daemon ends."""
    played = PlayedManager()
    played.opened()
    played.journal.lasts = False
    if keep:
        played.manager.can_keep()
    else:
        played.manager.close(20.0, lambda _: None)
        played.fire(20.0)
    assert played.journal.choices == 1


def test_refusals_that_were_held_back_are_told_at_the_end() -> None:
    """When closing ends the log hears how many refusals it has not heard of, and no timer is left."""
    played, left = PlayedManager(max_leases=1), list[int]()
    with capture_logs() as log:
        played.opened()
        played.open(*(knock(source=f"192.0.2.{number}") for number in range(2, 250)))
        assert [entry for entry in log if entry["event"] == "held-back"] == []
        played.manager.close(20.0, left.append)
        played.end()
    assert left == [0]
    refused = sum(entry["event"] == "refused" for entry in log)
    held = [entry["count"] for entry in log if entry["event"] == "held-back"]
    assert held == [248 - refused]
    assert played.loop.waiting == []
