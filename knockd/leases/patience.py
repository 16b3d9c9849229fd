"""The end of the daemon: waits for its commands no longer than it has patience.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.process.loop import Loop, Timer


class Patience:
    """Calls ``end`` once, in a later turn of the loop, when there is nothing to wait for or time is over."""

    def __init__(self, loop: Loop, end: Callable[[], None]) -> None:
        self._loop = loop
        self._end = end
        self._timer: Timer | None = None
        self._hurry: Timer | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has begun to wait, and has not ended."""
        return self._timer is not None

    def begin(self, seconds: float) -> None:
        """Waits for so many seconds at most."""
        self._timer = self._loop.call_later(seconds, self._finish)

    def hurry_after(self, seconds: float, hurry: Callable[[], None]) -> None:
        """Calls ``hurry`` after so many seconds, if it still waits then."""
        self._hurry = self._loop.call_later(seconds, hurry)

    def end_now(self) -> None:
        """Waits no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._loop.call_soon(self._finish)

    def _finish(self) -> None:
        self._timer = None
        if self._hurry is not None:
            self._hurry.cancel()
        self._end()
