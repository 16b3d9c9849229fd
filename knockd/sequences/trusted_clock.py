"""Whether knocks with a key may be judged by the wall clock now.

| what a look finds | doors with a key |
|---|---|
| the kernel has never called the clock synchronised since the first look, or since it jumped | wait |
| it is earlier than the newest time that is known | wait |
| else | open |

``Clock = trust`` leaves the first row out. The newest time is that of a record, of any look since at which
doors opened, and of the moment before the next look: beside the wall clock a steady one is read, that nobody
sets. A clock that has been synchronised and loses its servers goes on being good.

Pure.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.text import show_span

SLACK: Final = 1.0
"""Seconds by which the clock may be set between two looks, or be earlier than the newest time."""


class Doubt(Enum):
    """Why the clock is not trusted, in words with a place for the reason, or for a span and files."""

    LOOSE = (
        "the clock is not synchronised ({}): let NTP set it, or set Clock = trust where a battery keeps it"
    )
    EARLIER = (
        "the clock is {} earlier than it has been: set it; if it is right now,"
        " stop knockd, remove {} and start it"
    )


class Distrust(NamedTuple):
    """Why doors wait, in words for people, too."""

    doubt: Doubt
    text: str


class Reading(NamedTuple):
    """The clocks at one moment.

    ``wall``: seconds since the epoch; ``steady``: of a clock that counts sleep and that nobody sets.
    ``loose``: why the wall clock is not synchronised; empty: it is.
    """

    wall: float
    steady: float
    loose: str = ""


class TrustedClock:
    """``newest``: the newest time that is known, of the files ``records``; ``always``: Clock = trust."""

    def __init__(self, newest: float = 0.0, records: str = "", *, always: bool = False) -> None:
        self.newest = newest
        self.always = always
        self.records = records
        self._was_synchronised = False
        self._last: Reading | None = None
        self._good: Reading | None = None
        """The last look, if doors opened at it."""

    def look(self, reading: Reading) -> Distrust | None:
        """Why doors wait; None: they open, and ``newest`` is no earlier than this moment."""
        if self._has_jumped(reading):
            self._was_synchronised = False
        self._last = reading
        self._was_synchronised |= not reading.loose
        if self._good is not None:
            self.newest = max(self.newest, self._good.wall + reading.steady - self._good.steady - SLACK)
            self._good = None
        if not (self.always or self._was_synchronised):
            return Distrust(Doubt.LOOSE, Doubt.LOOSE.value.format(reading.loose))
        if reading.wall < self.newest - SLACK:
            span = show_span(self.newest - reading.wall)
            return Distrust(Doubt.EARLIER, Doubt.EARLIER.value.format(span, self.records))
        self.newest = max(self.newest, reading.wall)
        self._good = reading
        return None

    def _has_jumped(self, reading: Reading) -> bool:
        """Whether somebody has set the clock since the last look."""
        if self._last is None:
            return False
        expected = self._last.wall + reading.steady - self._last.steady
        return abs(reading.wall - expected) > SLACK
