"""Patience at the end: waiting ends once, as soon as there is nothing to wait for or when time is over."""

from __future__ import annotations

from knockd.leases.patience import Patience
from tests.support.doubles.manual_loop import ManualLoop


class Waited:
    """Patience on a loop on which time stands still; what was called."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.called: list[str] = []
        self.patience = Patience(self.loop.loop, lambda: self.called.append("end"))

    def begin(self) -> None:
        """Begins to wait, and hurries after half of it."""
        self.patience.begin(20.0)
        self.patience.hurry_after(10.0, lambda: self.called.append("hurry"))


def test_time_is_over() -> None:
    """It hurries first, and ends when its time is over."""
    waited = Waited()
    waited.begin()
    assert waited.patience.is_waiting
    end, hurry = waited.loop.timers
    hurry.callback()
    end.callback()
    assert waited.called == ["hurry", "end"]
    assert not waited.patience.is_waiting


def test_nothing_to_wait_for() -> None:
    """It ends in the next turn, once, and hurries no more."""
    waited = Waited()
    waited.begin()
    waited.patience.end_now()
    waited.patience.end_now()
    assert waited.called == []
    waited.loop.turn()
    assert waited.called == ["end"]
    assert all(timer.cancelled for timer in waited.loop.timers)


def test_not_begun() -> None:
    """What has not begun to wait does not end."""
    waited = Waited()
    waited.patience.end_now()
    waited.loop.turn()
    assert not waited.patience.is_waiting
    assert waited.called == []
