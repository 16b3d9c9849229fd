"""Findings to events: what was found is counted, and reported as far as the limits allow.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from knockd.knocks.events import Event, Expired, Guarded, Ignored, Opened, Spoiled, Stage, Stale
from knockd.knocks.findings import Finding, Unheard
from knockd.knocks.memory import Memory
from knockd.knocks.touches import find_reason
from knockd.token_bucket import TokenBucket

UNLIMITED = 1 << 62
"""Events that a limit lets through where there is none."""


MOST_STALE = 1_024
"""Sequences that open nothing of which it is remembered that it was said."""


class Reporter:
    """Counts in ``memory``. Events that any stranger can cause cost a token of ``strangers``, other failures
    and stages one of ``knockers``; None means no limit. Openings are never limited, nor is the
    first knock with a sequence that opens nothing: its time may come, and who has heard it knows it.

    ``slack`` are the seconds that a touched guard is remembered for longer than is said.
    """

    def __init__(
        self, memory: Memory, slack: float, strangers: TokenBucket | None, knockers: TokenBucket | None
    ) -> None:
        self._memory = memory
        self._slack = slack
        self.strangers = strangers or TokenBucket(burst=UNLIMITED)
        self._knockers = knockers or TokenBucket(burst=UNLIMITED)
        self._stale: set[int] = set()

    def report(self, found: Iterable[Finding], now: float) -> list[Event]:
        """Counts what was found; returns the events that the limits allow."""
        events: list[Event] = []
        tally, strangers = self._memory.tally, self.strangers
        for one in found:
            event = self._tell(one, now) if isinstance(one, Unheard) else one
            if isinstance(event, Opened):
                events.append(event)
                continue
            if isinstance(event, Stale) and self._is_news(event):
                events.append(event)
                continue
            stranger = False
            if isinstance(event, Stage):
                stranger = event.stage == 1
                tally.begun += stranger
            elif isinstance(event, Guarded):
                stranger = True
                tally.guarded += 1
            elif isinstance(event, Spoiled):
                stranger = event.stage <= 1
                tally.spoiled += 1
            elif isinstance(event, Expired):
                stranger = event.stage <= 1
                tally.expired += 1
            elif isinstance(event, Ignored):
                stranger = True
                tally.ignored += 1
            elif event is None:
                continue
            if (strangers if stranger else self._knockers).take():
                events.append(event)
        return events

    def _is_news(self, event: Stale) -> bool:
        """Whether nobody has knocked with this sequence before, as far as it is remembered."""
        if event.serial in self._stale:
            return False
        if len(self._stale) >= MOST_STALE:
            self._stale.clear()
        self._stale.add(event.serial)
        return True

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
