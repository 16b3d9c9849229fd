"""Which minutes packets may be made for, and how long it counts what was used of one.

``now`` is the minute of the wall clock; clocks may differ by a minute.

| minute | a packet of it |
|---|---|
| now - 1, now, now + 1 | counts once, unless it may have counted before the start |
| any other | is of another time |

Those from now - 1 to now + 2 are derived: at the next boundary nothing is missing. Times are in seconds since
the epoch.

Pure.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from knockd_conf.signed_packet import MINUTE

LIVE: Final = 1
"""Minutes before and after the one of now that are live."""

SLACK: Final = 2.0
"""Seconds that what was used is kept longer: the clock may be a second earlier than the newest time."""

LONGEST: Final = (2 * LIVE + 1) * MINUTE + SLACK
"""Seconds for which what was used is kept at most: a client's clock may be ahead."""


def minute_of(now: float) -> int:
    """The number of the minute of a time."""
    return int(now // MINUTE)


def find_live(now: float) -> range:
    """The minutes whose packets count; there is none before the epoch."""
    return range(max(0, minute_of(now) - LIVE), minute_of(now) + LIVE + 1)


def find_derived(now: float) -> range:
    """The minutes whose keys are to be at hand."""
    live = find_live(now)
    return range(live.start, live.stop + 1)


def find_left(now: float) -> float:
    """Seconds until the next minute begins."""
    return (minute_of(now) + 1) * MINUTE - now


def find_unused(floor: float) -> int:
    """The first minute of which nothing can have counted before ``floor``; 0: nothing of any has."""
    return ceil(floor / MINUTE) + LIVE if floor else 0


def is_over(minute: int, newest: float) -> bool:
    """Whether a minute will not be live again, as the clock has come to ``newest``."""
    return newest >= (minute + LIVE + 1) * MINUTE + SLACK
