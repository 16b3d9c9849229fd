"""The link to a fleet child whose part a test plays; what the child says is in test_fleet.py."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from knockd.fleet import verbs
from knockd.fleet.child import FleetChild
from knockd.keeper.fleet_link import RETRY, STEADY, FleetHooks, FleetLink
from knockd.process.link import pair
from tests.support.doubles.manual_loop import ManualLoop

NO_PID = 2**22 + 1
"""No process has it."""

OPEN = verbs.Open("ssh" + "x" * 200, "192.0.2.1", 7.0)


class Played:
    """A link; ``said`` are the lines of the log, ``called`` what was called."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.said: list[str] = []
        self.called: list[str] = []
        self.ends: list[socket.socket] = []
        hooks = FleetHooks(
            self.start, lambda: self.called.append("begun"), lambda _: None, self.called.append
        )
        self.link = FleetLink(self.loop.loop, self.log, hooks)
        self.link.begin()

    def start(self) -> FleetChild:
        """Starts a child."""
        ours, theirs = pair()
        self.ends.append(theirs)
        return FleetChild(NO_PID, ours)

    def log(self, event: str, **fields: Any) -> None:
        """A line: the event and its fields."""
        self.said.append(" ".join((event, *map(str, fields.values()))))


@pytest.fixture
def made() -> Iterator[Played]:
    """A link with a child, which all ends with the test."""
    played = Played()
    yield played
    played.link.end("the test ends")
    for one in played.ends:
        one.close()


def test_begin_and_end(made: Played) -> None:
    """Who holds it hears when a child has begun, and when there is none."""
    assert made.link.runs
    made.link.end("enough")
    assert not made.link.runs
    assert made.called == ["begun", "enough"]
    assert made.ends[0].recv(1) == b""


def test_it_does_not_read(made: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the child has a bound; nothing waits for it."""
    monkeypatch.setattr("knockd.keeper.fleet_link.MOST_UNSENT", 10)
    for _ in range(20_000):
        made.link.send(OPEN)
        if not made.link.runs:
            break
    assert made.said == [f"fleet-child-ended it does not read what it is told {RETRY[0]}"]
    made.link.send(OPEN)  # nobody is there


@pytest.mark.parametrize(("ran", "pause"), [(1.0, RETRY[1]), (STEADY + 1, RETRY[0])])
def test_pauses(made: Played, ran: float, pause: float) -> None:
    """The pause grows with each child that has ended soon, and is short again after one that ran well."""
    made.ends[-1].close()
    made.loop.deliver()
    made.loop.fire()
    made.loop.now += ran
    made.ends[-1].close()
    made.loop.deliver()
    assert made.said[-1] == f"fleet-child-ended it has ended {pause}"
