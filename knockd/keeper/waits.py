"""The timers of the packet process's life, by what they are for and the number of the packet process.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.keeper.worker_events import Event, TimerFired, Wait
from knockd.process.loop import Loop, Timer


class Waits:
    """``handle`` hears of a timer whose time is over."""

    def __init__(self, loop: Loop, handle: Callable[[Event], None]) -> None:
        self._loop = loop
        self._handle = handle
        self._timers: dict[tuple[Wait, int], Timer] = {}

    def arm(self, wait: Wait, seconds: float, number: int) -> None:
        """Starts a timer, in place of the one for the same purpose."""
        self.disarm(wait, number)
        self._timers[wait, number] = self._loop.call_later(seconds, self._fire, wait, number)

    def disarm(self, wait: Wait, number: int) -> None:
        """Stops a timer, if it runs."""
        timer = self._timers.pop((wait, number), None)
        if timer is not None:
            timer.cancel()

    def _fire(self, wait: Wait, number: int) -> None:
        del self._timers[wait, number]
        self._handle(TimerFired(wait, number))
