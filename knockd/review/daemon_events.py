"""What the log says of the daemon itself: starts, ends, reloads, complaints. Bounded.

Pure.
"""

from __future__ import annotations

from collections import deque

from knockd.review.entries import Entry
from knockd.review.listing import describe_entry
from knockd.review.summary import DaemonEvent

MOST_EVENTS = 256

RESTARTS = frozenset({"worker-lost", "worker-silent", "worker-malformed"})
QUIET = frozenset(
    {
        *("worker-state", "listening", "own-reader", "reopening", "keeping", "state-restored"),
        *("guards-in-use", "one-time-elsewhere"),
    }
)
"""What is not worth a line in a review."""


class DaemonEvents:
    """The last MOST_EVENTS events of the daemon, and what it counted."""

    def __init__(self) -> None:
        self._events: deque[DaemonEvent] = deque(maxlen=MOST_EVENTS)
        self._running = False
        self.count = self.held_back = self.dropped = self.lost = 0

    def add(self, entry: Entry, selected: bool) -> DaemonEvent | None:
        """Returns what is kept of an event. One that is not selected says only whether the daemon runs."""
        event = entry.event
        restart = event in RESTARTS or (event == "starting" and self._running)
        self._running = event == "starting" or (self._running and event not in ("stopping", "worker-failed"))
        if not selected or event in QUIET:
            return None
        number = entry.fields.get("count")
        count = number if isinstance(number, int) and number > 0 else 0
        if event in ("held-back", "door-held-back"):
            self.held_back += count
        elif event == "dropped":
            self.dropped += count
        else:
            self.lost += count if event == "log-lost" else 0
            self.count += 1
            found = DaemonEvent(entry.time, event, describe_entry(entry), restart)
            self._events.append(found)
            return found
        return None

    def events(self) -> list[DaemonEvent]:
        """The events that are kept, the first first."""
        return list(self._events)
