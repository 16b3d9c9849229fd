"""Lines about refused openings: strangers cause them, so after a burst only some a second are written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from knockd.engine.limits import TokenBucket

TELL_AFTER = 1.0
"""Seconds from the first line that was held back to the next look whether it can be told."""


class Quota:
    """Passes events on to ``say`` as long as there are tokens, and tells how many it held back.

    No timer runs when nothing was held back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, say: Callable[..., None]) -> None:
        self._loop = loop
        self._say = say
        self._bucket = TokenBucket()
        self._timer: asyncio.TimerHandle | None = None

    def say(self, event: str, **fields: Any) -> None:
        """Logs an event, or counts it."""
        self._bucket.refill(self._loop.time())
        if self._bucket.take():
            self._say(event, **fields)
        elif self._timer is None:
            self._timer = self._loop.call_later(TELL_AFTER, self._tell)

    def stop(self) -> None:
        """The end: what was held back is told now, or never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held = self._bucket.held
        if held:
            self._bucket.held = 0
            self._say("held-back", level="warning", count=held)

    def _tell(self) -> None:
        self._timer = None
        self._bucket.refill(self._loop.time())
        held = self._bucket.take_held()
        if held:
            self._say("held-back", level="warning", count=held)
        elif self._bucket.holds_back:
            self._timer = self._loop.call_later(TELL_AFTER, self._tell)
