"""Close, Extend and Forget: what is matched, when the answer comes, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from knockd.keeper.control_values import MOST_SECONDS, RefusedError
from knockd.keeper.lease_calls import LOOK_AFTER, MOST_LISTED, MOST_NAMED, PATIENCE, LeaseCalls
from knockd.leases.table import RETRIES
from knockd.leases.values import Knock
from knockd.log.logger import Logger
from knockd_conf.model import Door, Reknock
from tests.support.doubles.lease_manager import DOOR, PlayedManager, knock, said
from tests.support.doubles.made_calls import MadeCalls

ALICE, BOB = "192.0.2.1", "192.0.2.2"
WEB = replace(DOOR, name="web")


class Held:
    """Calls at a lease manager whose commands a test ends."""

    def __init__(self) -> None:
        self.played = PlayedManager(max_leases=500)
        self.made = MadeCalls()
        log = Logger(structlog.get_logger()).log
        self.calls = LeaseCalls(self.played.loop.loop, log, self.played.manager, lambda: (DOOR, WEB))
        self.played.manager.changed = self.calls.note_change

    def open(self, source: str = ALICE, at: Door = DOOR) -> None:
        """Somebody knocks, and the start command ends."""
        self.played.open(knock(at, source))
        self.played.end()

    def knock(self, source: str = ALICE, at: Door = DOOR) -> Knock:
        """Somebody knocks."""
        one = knock(at, source)
        self.played.open(one)
        return one

    def close(self, **parameters: Any) -> None:
        """Somebody closes."""
        self.calls.close(self.made.make(**parameters))
        self.played.loop.turn()

    def look(self) -> None:
        """Time passes until a look at what is being closed."""
        for timer in [*self.played.loop.timers]:
            if timer.seconds == LOOK_AFTER and not timer.cancelled:
                timer.cancel()
                timer.callback()

    def end(self, status: int = 0) -> None:
        """A command ends."""
        self.played.end(status)
        self.look()

    def answer(self) -> tuple[list[str], list[str], list[str]]:
        """Addresses of the answer: closed, failed, running."""
        name, found = self.made.take()
        assert name == "reply"
        for kind in ("closed", "failed", "running"):
            assert len(found[kind]) == found[f"{kind}_total"]
        closed, failed, running = (
            [one["address"] for one in found[k]] for k in ("closed", "failed", "running")
        )
        return closed, failed, running


def test_close() -> None:
    """The answer comes when the stop command has ended."""
    held = Held()
    held.open()
    held.close(door="ssh", address=ALICE)
    held.look()
    assert held.made.answers == []
    assert held.played.runner.lines[1:] == ["close 192.0.2.1; sync"]
    held.end()
    assert held.answer() == ([ALICE], [], [])


def test_the_log_says_who() -> None:
    """Each lease that is closed is a line with who asked, before its stop command."""
    held = Held()
    held.open()
    with capture_logs() as log:
        held.close(address=ALICE)
    assert said(list(log)) == ["closed-by-hand", "command close 192.0.2.1; sync"]
    assert log[0]["uid"] == 0
    assert log[0]["pid"] == 4711


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"door": "ssh"}, [ALICE, BOB]),
        ({"address": ALICE}, [ALICE, ALICE]),
        ({"address": "::ffff:192.0.2.1"}, [ALICE, ALICE]),
        ({"door": "web", "address": ALICE}, [ALICE]),
        ({"all": True}, [ALICE, BOB, ALICE]),
    ],
)
def test_what_is_closed(parameters: dict[str, Any], expected: list[str]) -> None:
    """A door, an address, both, or all."""
    held = Held()
    held.open()
    held.open(BOB)
    held.open(at=WEB)
    held.close(**parameters)
    for _ in expected:
        held.end()
    assert held.answer() == (expected, [], [])
    assert len(held.played.manager.ask.all()) == 3 - len(expected)


def test_nothing_to_close() -> None:
    """All of nothing is closed at once."""
    held = Held()
    held.close(all=True)
    held.look()
    assert held.answer() == ([], [], [])


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "BadValue"),
        ({"all": False}, "BadValue"),
        ({"all": True, "door": "ssh"}, "BadValue"),
        ({"door": "mail"}, "NoSuchDoor"),
        ({"door": "mail", "address": ALICE}, "NoSuchDoor"),
        ({"door": "web"}, "NoSuchLease"),
        ({"address": BOB}, "NoSuchLease"),
        ({"address": "192.0.2.0/24"}, "BadValue"),
    ],
)
def test_bad_input(parameters: dict[str, Any], error: str) -> None:
    """What is nobody's is not closed, and neither is anything else."""
    held = Held()
    held.open()
    with pytest.raises(RefusedError) as refused:
        held.close(**parameters)
    assert refused.value.error == error
    assert held.played.manager.counts == (1, 0)


def test_what_was_not_found_is_named() -> None:
    """Who asks for what is not open is told what that was."""
    with pytest.raises(RefusedError) as refused:
        Held().close(door="ssh", address="192.0.2.1")
    assert refused.value.parameters == {"asked": "ssh for 192.0.2.1"}


def test_a_door_that_a_reload_has_removed() -> None:
    """What is open at a door that is in the configuration no more can be closed."""
    held = Held()
    held.open(at=replace(DOOR, name="old"))
    held.close(door="old")
    held.end()
    assert held.answer() == ([ALICE], [], [])


def test_a_stop_command_that_fails() -> None:
    """A stop command that fails is in the answer, with when it is tried again."""
    held = Held()
    held.open()
    held.close(all=True)
    held.end(1)
    name, found = held.made.take()
    assert name == "reply"
    (lease,) = found["failed"]
    assert lease["state"] == "retrying"
    assert lease["failures"] == 1
    assert lease["seconds_left"] == RETRIES[0]


def test_a_stop_command_that_takes_long() -> None:
    """After 30 seconds the answer says what still runs; it goes on all the same."""
    held = Held()
    held.open()
    held.open(BOB)
    held.close(all=True)
    held.end()
    assert held.made.answers == []
    held.played.fire(PATIENCE)
    assert held.answer() == ([ALICE], [], [BOB])
    held.end()
    assert held.made.answers == []


def test_close_while_it_starts() -> None:
    """What is being opened is closed when its start command has ended."""
    held = Held()
    held.knock()
    held.close(all=True)
    held.end()
    held.played.fire(0.0)
    held.look()
    assert held.made.answers == []
    assert held.played.runner.lines[1:] == ["close 192.0.2.1; sync"]
    held.end()
    assert held.answer() == ([ALICE], [], [])


def test_somebody_knocks_meanwhile() -> None:
    """What was closed and is opened anew counts as closed."""
    held = Held()
    held.open()
    held.close(all=True)
    held.knock()
    held.end()
    assert held.answer() == ([ALICE], [], [])
    assert held.played.runner.lines[-1] == "open 192.0.2.1"


def test_two_who_close() -> None:
    """Two who close the same have the same answer, and the stop command runs once."""
    held = Held()
    held.open()
    held.close(all=True)
    held.close(door="ssh")
    held.end()
    (first, _), (second, _) = held.made.answers
    assert first == second == "reply"
    assert len(held.played.runner.lines) == 2


def test_very_many() -> None:
    """Of very many leases some are listed and logged, all are counted."""
    held = Held()
    count = MOST_NAMED + 2
    for number in range(count):
        held.open(f"192.0.3.{number}")
    with capture_logs() as log:
        held.close(all=True)
    lines = said(list(log))
    assert lines.count("closed-by-hand") == MOST_NAMED
    assert lines.count("more-closed-by-hand") == 1
    for _ in range(count):
        held.played.end()
    held.look()
    _, found = held.made.take()
    assert len(found["closed"]) == MOST_LISTED
    assert found["closed_total"] == count


def test_end_of_the_daemon() -> None:
    """Who waits when the daemon ends is told so, and no timer of theirs is left."""
    held = Held()
    held.open()
    held.close(all=True)
    held.calls.stop("ending")
    assert held.made.take() == ("NotNow", {"life": "ending"})
    waiting = [timer.seconds for timer in held.played.loop.timers if not timer.cancelled]
    assert PATIENCE not in waiting
    assert LOOK_AFTER not in waiting


# More time.


def extend(held: Held, **parameters: Any) -> None:
    """Somebody gives more time."""
    held.calls.extend(held.made.make(**{"door": "ssh", "address": ALICE, "seconds": 60.0, **parameters}))


def test_extend() -> None:
    """More time is added to what is left; the log says who gave it."""
    held = Held()
    held.open()
    held.played.now += 4
    with capture_logs() as log:
        extend(held)
    name, found = held.made.take()
    assert name == "reply"
    assert found["lease"]["seconds_left"] == 66.0
    assert said(list(log)) == ["extended-by-hand 60.0"]


def test_extend_each() -> None:
    """With Reknock = repeat every lease gets more time, for each would close the door."""
    held = Held()
    at = replace(DOOR, reknock=Reknock.REPEAT)
    held.open(at=at)
    held.played.now += 5
    held.open(at=at)
    extend(held)
    assert [lease.deadline for lease in held.played.manager.ask.all()] == [1_070.0, 1_075.0]
    assert held.made.take()[1]["lease"]["seconds_left"] == 70.0


def test_extend_what_is_being_closed() -> None:
    """What is being closed gets no time, and the reason is said."""
    held = Held()
    held.open()
    held.close(all=True)
    with pytest.raises(RefusedError) as refused:
        extend(held)
    assert refused.value.error == "Refused"
    assert refused.value.parameters == {"reason": "its stop command runs: no time can be added"}


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"door": "mail"}, "NoSuchDoor"),
        ({"address": BOB}, "NoSuchLease"),
        ({"seconds": 0.0}, "BadValue"),
        ({"seconds": MOST_SECONDS}, "BadValue"),
    ],
)
def test_extend_with_bad_input(parameters: dict[str, Any], error: str) -> None:
    """What cannot be is refused, and nothing changes."""
    held = Held()
    held.open()
    with pytest.raises(RefusedError) as refused:
        extend(held, **parameters)
    assert refused.value.error == error
    assert [lease.deadline for lease in held.played.manager.ask.all()] == [1_010.0]


# Giving up.


def forget(held: Held, lease: str = "") -> None:
    """Somebody gives up on the only lease."""
    only = [one.id for one in held.played.manager.ask.all()]
    held.calls.forget(held.made.make(lease=lease or only[0]))


def test_forget() -> None:
    """What could not be closed is given up: the answer has the command that is not run any more."""
    held = Held()
    held.open()
    held.close(all=True)
    held.end(1)
    held.made.take()
    with capture_logs() as log:
        forget(held)
    name, found = held.made.take()
    assert name == "reply"
    assert found["command"] == "close 192.0.2.1; sync"
    assert found["lease"]["address"] == ALICE
    assert said(list(log)) == ["given-up close 192.0.2.1; sync"]
    assert not held.played.manager.ask.all()
    assert held.played.journal.commits[-1] == ()


def test_forget_what_is_open() -> None:
    """What is open, or whose stop command runs, cannot be given up."""
    held = Held()
    held.open()
    with pytest.raises(RefusedError) as refused:
        forget(held)
    assert refused.value.error == "Refused"
    assert "it is open" in str(refused.value.parameters["reason"])
    held.close(all=True)
    with pytest.raises(RefusedError) as refused:
        forget(held)
    assert "its stop command runs" in str(refused.value.parameters["reason"])
    assert held.played.manager.counts == (1, 0)


def test_forget_nobody() -> None:
    """What is not there cannot be given up."""
    with pytest.raises(RefusedError) as refused:
        forget(Held(), "a1b2.7\x1b")
    assert refused.value.error == "NoSuchLease"
    assert refused.value.parameters == {"asked": "a1b2.7\\x1b"}


def test_an_address_of_a_network() -> None:
    """What is open for a network is found by each of its addresses, and by no other."""
    held, wide = Held(), replace(DOOR, open_prefix=(24, 56))
    held.open(ALICE, wide)
    with pytest.raises(RefusedError):
        held.close(address="192.0.3.1")
    held.close(address="192.0.2.200")
    held.end()
    held.look()
    _, answer = held.made.take()
    assert answer["closed_total"] == 1
    assert answer["closed"][0]["network"] == "192.0.2.0/24"
