"""Which periods of a key are watched, and what becomes of a whole knock with the sequence of one.

``now`` is the period of the wall clock. A used sequence takes all before it along: what begins before
``used_until`` opens nothing.

| period | begins | watched as | a whole knock |
|---|---|---|---|
| now - 3, now - 2 | at any time | recognised | BEHIND |
| now - 1, now, now + 1 | before ``used_until`` | recognised | USED |
| now - 1, now, now + 1 | from then on | live | GRANTED |
| now + 2, now + 3 | at any time | recognised | AHEAD |
| any other | at any time | not at all | BEHIND or AHEAD |

Times are in seconds since the epoch; a period is ``length`` seconds.

Pure.
"""

from __future__ import annotations

from enum import Enum
from math import ceil
from typing import Final

from knockd.sequences.rotating_watches import LIVE, RECOGNISED
from knockd_conf.classes import NamedTuple

DERIVED: Final = RECOGNISED + 1
"""Periods after the one of now that are derived: at the next boundary nothing is missing."""


class Fate(Enum):
    """What becomes of a whole knock."""

    GRANTED = "granted"
    USED = "used"
    BEHIND = "behind"
    AHEAD = "ahead"
    BEFORE_START = "before the start"
    """It may have been used before the daemon started: nothing is known of then."""
    REFUSED = "refused"
    """For another reason: a clock that is not trusted, a key that has expired."""


class Verdict(NamedTuple):
    """``seconds`` until a sequence begins that opens, or that the knocker's clock is wrong by."""

    fate: Fate
    seconds: float = 0.0


def find_period(now: float, length: int) -> int:
    """The number of the period of a time."""
    return int(now // length)


def find_recognised(now: float, length: int) -> range:
    """The periods whose sequences are recognised, at least one: there is none before the epoch."""
    period = find_period(now, length)
    return range(max(0, period - RECOGNISED), max(0, period + RECOGNISED) + 1)


def find_derived(now: float, length: int) -> range:
    """The periods whose sequences are to be at hand, at least one: there is none before the epoch."""
    period = find_period(now, length)
    return range(max(0, period - RECOGNISED), max(0, period + DERIVED) + 1)


def find_end(period: int, length: int) -> float:
    """Until when a period that has opened a door, and all before it, are used."""
    return float((period + 1) * length)


def find_burnt(used_until: float, length: int) -> int:
    """The last period that begins before ``used_until``."""
    return ceil(used_until / length) - 1


def find_next(now: float, length: int, used_until: float) -> float:
    """Seconds until the first period begins that may open; 0: it has begun."""
    return max(0.0, ceil(used_until / length) * length - now)


def judge_knock(period: int, now: float, length: int, used_until: float) -> Verdict:
    """What becomes of a whole knock with the sequence of a period.

    A wrong clock is told as if the knock had been made in the middle of its period.
    """
    away = now - (period + 0.5) * length
    if period < find_period(now, length) - LIVE:
        return Verdict(Fate.BEHIND, away)
    if period > find_period(now, length) + LIVE:
        return Verdict(Fate.AHEAD, -away)
    if period * length < used_until:
        return Verdict(Fate.USED, find_next(now, length, used_until))
    return Verdict(Fate.GRANTED)
