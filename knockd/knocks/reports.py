"""Findings to events: what was found is counted, and reported as far as the limits allow.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from knockd.knocks.events import Event, Expired, Guarded, Ignored, Opened, Spoiled, Stage
from knockd.knocks.findings import Finding, Unheard
from knockd.knocks.memory import Memory
from knockd.knocks.touches import find_reason
from knockd.token_bucket import TokenBucket

UNLIMITED = 1 << 62
"""Events that a limit lets through where there is none."""


class Reporter:
    """Counts in ``memory``. Events that any stranger can cause cost a token of ``strangers``, other failures
    and stages one of ``knockers``; None means no limit. Openings are never limited.

    ``slack`` are the seconds that a touched guard is remembered for longer than is said.
    """

    def __init__(
        self, memory: Memory, slack: float, strangers: TokenBucket | None, knockers: TokenBucket | None
    ) -> None:
        self._memory = memory
        self._slack = slack
        self.strangers = strangers or TokenBucket(burst=UNLIMITED)
        self._knockers = knockers or TokenBucket(burst=UNLIMITED)

    def report(self, found: Iterable[Finding], now: float) -> list[Event]:
        """Counts what was found; returns the events that the limits allow."""
        events: list[Event] = []
        tally, strangers = self._memory.tally, self.strangers
        for one in found:
            event: Event | None = self._tell(one, now) if isinstance(one, Unheard) else one
            bucket = self._knockers
            match event:
                case Stage(stage=1):
                    tally.begun += 1
                    bucket = strangers
                case Opened():
                    events.append(event)
                    continue
                case Guarded():
                    tally.guarded += 1
                    bucket = strangers
                case Spoiled():
                    tally.spoiled += 1
                    bucket = strangers if event.stage <= 1 else bucket
                case Expired():
                    tally.expired += 1
                    bucket = strangers if event.stage <= 1 else bucket
                case Ignored():
                    tally.ignored += 1
                    bucket = strangers
                case None:
                    continue
            if bucket.take():
                events.append(event)
        return events

    def _tell(self, unheard: Unheard, now: float) -> Ignored | None:
        """Says of an ignored source that begins a knock until when it is ignored, if that is news."""
        (key, role), memory = unheard, self._memory
        if self.strangers.tokens < 1 or now < (memory.told.get(key) or 0.0):
            return None
        found = find_reason(role, memory.ignored.get(key), memory.cooling.get(key))
        if found is None:
            return None
        until, opened = found
        memory.told.pop(key)
        memory.told.put(key, until)
        # Rounded first: what is added and subtracted again leaves a trace, which is no second.
        left = ceil(round(until - now - (0.0 if opened else self._slack), 3))
        return Ignored(role.door, key[:-2], opened, max(1, left))
