"""When the journal is written: at once after a quiet time, with pauses in a storm.

A flood of openings must neither keep the loop busy with syncing nor wear a flash disk out: a
pause is as long as the last commit took, longer for a long journal and where nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LAZY = 5.0
"""How many times longer the pause is when no start command waits for the commit."""

LONGEST = 0.25
"""Seconds of the longest pause."""


class Pace:
    """Calls ``commit``, soon after it was planned."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], commit: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._commit = commit
        self._handle: asyncio.Handle | None = None
        self._urgent = False
        self._began = self._ended = clock()

    def plan(self, *, urgent: bool) -> None:
        """There is something to write; ``urgent``: a start command waits for it."""
        if self._handle is not None:
            if self._urgent or not urgent:
                return
            self._handle.cancel()
        self._urgent = urgent
        pause = min((self._ended - self._began) * (1.0 if urgent else LAZY), LONGEST)
        seconds = self._ended + pause - self._clock()
        if seconds > 0:
            self._handle = self._loop.call_later(seconds, self._commit)
        else:
            self._handle = self._loop.call_soon(self._commit)

    def begin(self) -> None:
        """A commit begins, planned or not."""
        self.stop()
        self._began = self._clock()

    def end(self) -> None:
        """It has ended."""
        self._ended = self._clock()

    def stop(self) -> None:
        """Nothing is planned any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
