"""When the journal is written: at once after a quiet time, with pauses in a storm.

A flood of openings must neither keep the loop busy with syncing nor wear a flash disk out: a
pause is as long as the last commit took, longer for a long journal and where nobody waits.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from knockd.process.loop import Loop, Timer

T = TypeVar("T")

LAZY = 5.0
"""How many times longer the pause is when no start command waits for the commit."""

LONGEST = 0.25
"""Seconds of the longest pause."""


class CommitSchedule:
    """Calls ``commit`` soon after it was planned; ``clock`` is in seconds."""

    def __init__(self, loop: Loop, clock: Callable[[], float], commit: Callable[[], object]) -> None:
        self._loop = loop
        self._clock = clock
        self._commit = commit
        self._timer: Timer | None = None
        self._urgent = False
        self._took = 0.0
        self._ended = clock()

    def plan_commit(self, *, urgent: bool) -> None:
        """Plans a commit, since there is something to write; ``urgent``: a start command waits for it."""
        if self._timer is not None:
            if self._urgent or not urgent:
                return
            self._timer.cancel()
        self._urgent = urgent
        pause = min(self._took * (1.0 if urgent else LAZY), LONGEST)
        seconds = self._ended + pause - self._clock()
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, self._commit)
        else:
            self._timer = self._loop.call_soon(self._commit)

    def time_commit(self, write: Callable[[], T]) -> T:
        """Returns what ``write`` returns. It is a commit: no other is planned now, and it sets the pause."""
        self.cancel_commit()
        began = self._clock()
        result = write()
        self._ended = self._clock()
        self._took = self._ended - began
        return result

    def cancel_commit(self) -> None:
        """Nothing is planned any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
