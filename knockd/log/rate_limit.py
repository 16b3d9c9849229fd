"""Lines that strangers cause: after a burst only some a second are logged, and how many were not.

Loop.
"""

from __future__ import annotations

from typing import Any

from knockd.log.catalogue import EVENTS
from knockd.log.logger import Log
from knockd.process.loop import Loop, Timer
from knockd.token_bucket import TokenBucket

REPORT_AFTER = 1.0
"""Seconds from the first event that is held back to the line with their number."""


class RateLimit:
    """Logs events with ``log``, those that the catalogue limits only while there are tokens.

    ``report`` and its fields are the event that has the number of the others, once a second at most. No
    timer runs unless events were held back.
    """

    def __init__(self, loop: Loop, log: Log, report: str = "held-back", **fields: Any) -> None:
        self._loop = loop
        self._log = log
        self._report_event, self._fields = report, fields
        self._bucket = TokenBucket()
        self._timer: Timer | None = None

    def log(self, event: str, **fields: Any) -> None:
        """Logs an event, or counts it as held back."""
        if not EVENTS[event].limited or self.take():
            self._log(event, **fields)

    def take(self) -> bool:
        """Whether one more event may be logged now; if not, it is counted as held back."""
        self._bucket.refill(self._loop.time())
        taken = self._bucket.take()
        if not taken and self._timer is None:
            self._timer = self._loop.call_later(REPORT_AFTER, self._report)
        return taken

    def stop(self) -> None:
        """Logs at once how many events were held back, and stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._report()

    def _report(self) -> None:
        """Logs how many were held back since the last time, also while a storm goes on."""
        self._timer = None
        count, self._bucket.held = self._bucket.held, 0
        if count:
            self._log(self._report_event, count=count, **self._fields)
