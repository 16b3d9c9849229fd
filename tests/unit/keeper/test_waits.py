"""Timers of the packet process's life."""

from __future__ import annotations

from knockd.keeper.waits import Waits
from knockd.keeper.worker_events import Event, TimerFired, Wait
from tests.support.doubles.manual_loop import ManualLoop


class Waiting:
    """Timers on a loop whose time stands still, and what has come of them."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.events: list[Event] = []
        self.waits = Waits(self.loop.loop, self.events.append)


def test_over() -> None:
    """When its time is over, it is said what for, and of which packet process."""
    made = Waiting()
    made.waits.arm(Wait.ANSWER, 5.0, 7)
    assert made.loop.waiting == [5.0]
    made.loop.fire()
    assert made.events == [TimerFired(Wait.ANSWER, 7)]
    made.waits.disarm(Wait.ANSWER, 7)


def test_in_place_of_another() -> None:
    """Of one purpose there is one timer; others run beside it."""
    made = Waiting()
    for seconds, number in ((5.0, 1), (6.0, 1), (7.0, 2)):
        made.waits.arm(Wait.ANSWER, seconds, number)
    made.waits.arm(Wait.BACK_OFF, 8.0, 1)
    assert made.loop.waiting == [6.0, 7.0, 8.0]


def test_stopped() -> None:
    """One that is stopped says nothing; one that does not run can be stopped."""
    made = Waiting()
    made.waits.arm(Wait.BACK_OFF, 8.0, 0)
    made.waits.disarm(Wait.BACK_OFF, 0)
    made.waits.disarm(Wait.REOPEN, 0)
    assert (made.loop.waiting, made.events) == ([], [])
