"""Stamps of log lines to seconds since the epoch, of one file in its order.

What a stamp does not say is told by the lines before it: the year of syslog's, and which of the two hours
it is when clocks are set back in autumn. A clock that went back is noted, and believed.

World: the time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from knockd.review.clock import MONTHS

_LOCAL = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2})")
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) ([ 0-3][0-9]) ([0-9]{2}):([0-9]{2})")
_ABSOLUTE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):[0-9]{2}(?:\.[0-9]+)?(Z|[-+][0-9]{2}:?[0-9]{2})"
)
_MONTHS = {name: 1 + at for at, name in enumerate(MONTHS)}
_SECONDS = {f":{second:02}": float(second) for second in range(60)}
_FRACTIONS = {f".{thousandth:03}": thousandth / 1_000 for thousandth in range(1_000)} | {"": 0.0}
_MINUTES = {text: 60 * second for text, second in _SECONDS.items()}

MINUTE = 60.0
DAY = 86_400.0
LATEST = 253_000_000_000.0
"""The year 9987: later ones are no times, and some cannot be shown in every time zone."""

Times = tuple[float, float]
"""The times that a local one may mean: two that differ where clocks were set back."""


class Stamps:
    """The stamps of one file. ``last`` is the time of the last one that could be read, None before it.

    ``year_hint``: when the file was last written, for stamps without a year. ``went_back`` is told the
    times before and after a step of the clock of more than a minute back.
    """

    def __init__(self, year_hint: float, went_back: Callable[[float, float], None]) -> None:
        self.last: float | None = None
        self._year_hint = year_hint
        self._went_back = went_back
        # Texts and times of the last ones, as lines near each other have nearly the same:
        self._hour = self._syslog_hour = self._syslog_minute = "none", 0.0
        self._absolute_minute = "none", "none", 0.0

    def read_minute(self, text: str) -> float | None:
        """The time of ``2026-11-02 20:13``, local; None when there is no such time."""
        hour, time = self._hour
        minutes = _MINUTES.get(text[13:])
        if minutes is not None and text[:13] == hour:
            return self._note(time + minutes)
        found = _LOCAL.fullmatch(text)
        times = None if found is None else _local_times(*map(int, found.groups()))
        if found is None or times is None:
            return None
        if _is_plain(times, *map(int, found.groups()[:4])):
            self._hour = text[:13], times[0] - _MINUTES[text[13:]]
        return self._note(self._resolve(times))

    def read_second(self, text: str, second: float) -> float | None:
        """As ``read_minute``, with a second of that minute."""
        minute = self.read_minute(text)
        return None if minute is None or second >= MINUTE else minute + second

    def read_syslog(self, text: str, year: int | None = None) -> float | None:
        """The time of ``Nov  2 20:13:05``, local (RFC 3164, section 4.1.2); None when it is none."""
        seconds = _SECONDS.get(text[12:])
        if seconds is None:
            return None
        if year is not None and text[:3] in _MONTHS:
            date = f"{year}-{_MONTHS[text[:3]]:02}-{text[4:6].replace(' ', '0')}"
            return self.read_second(f"{date} {text[7:12]}", seconds)
        known, minute = self._syslog_minute
        if text[:12] != known:
            read = self._read_without_year(text[:12])
            if read is None:
                return None
            minute = read
            self._syslog_minute = text[:12], minute
        return self._note(minute + seconds)

    def read_absolute(self, text: str) -> float | None:
        """The time of ``2026-11-02T20:13:05.123+01:00`` (RFC 3339); None when there is no such time."""
        known, offset, minute = self._absolute_minute
        size = len(offset)
        if text[:16] != known or text[-size:] != offset:
            found = _ABSOLUTE.fullmatch(text)
            if found is None:
                return None
            try:
                minute = datetime.fromisoformat(f"{found[1]}:00{found[2]}").timestamp()
            except ValueError:
                return None
            if not 0 <= minute < LATEST:
                return None
            self._absolute_minute = found[1], found[2], minute
            size = len(found[2])
        seconds, fraction = _SECONDS.get(text[16:19]), text[19:-size]
        if seconds is None:
            return None
        part = _FRACTIONS.get(fraction)
        if part is None:
            if fraction[0] != "." or not (fraction.isascii() and fraction[1:].isdecimal()):
                return None
            part = float(fraction)
        time = minute + (seconds + part)
        if self.last is not None and time < self.last - MINUTE:
            self._went_back(self.last, time)
        self.last = time
        return time

    def _note(self, time: float) -> float:
        last = self.last
        if last is not None and time < last - MINUTE:
            self._went_back(last, time)
        self.last = time
        return time

    def _resolve(self, times: Times) -> float:
        """The first of two times that one stamp may mean, or the second where the first is over."""
        first, second = times
        return first if self.last is None or first > self.last - MINUTE else second

    def _read_without_year(self, text: str) -> float | None:
        """The time of ``Nov  2 20:13`` in the year nearest to the last stamp; the first is in the past."""
        hour, time = self._syslog_hour
        minutes = _MINUTES.get(text[9:])
        near = self._year_hint if self.last is None else self.last
        if minutes is not None and text[:9] == hour and abs(time - near) < 100 * DAY:
            return time + minutes
        found = _SYSLOG.fullmatch(text)
        month = None if found is None else _MONTHS.get(found[1])
        if found is None or month is None:
            return None
        middle = _year_of(near)
        day_and_time = [int(part) for part in found.groups()[1:]]
        years: dict[int, Times] = {}
        for span in (1, 8):  # to the next 29 February it may be 8 years
            for year in range(middle - span, middle + span + 1):
                times = _local_times(year, month, *day_and_time)
                if times is not None and (self.last is not None or times[0] <= near + DAY):
                    years[year] = times
            if years:
                break
        else:
            return None
        year, times = min(years.items(), key=lambda one: abs(one[1][0] - near))
        if _is_plain(times, year, month, *day_and_time[:2]):
            self._syslog_hour = text[:9], times[0] - _MINUTES[text[9:]]
        return self._resolve(times)


def _local_times(year: int, month: int, day: int, hour: int, minute: int) -> Times | None:
    """The times that a local one may mean; None: it is no time."""
    try:
        local = datetime(year, month, day, hour, minute)
        first, second = local.timestamp(), local.replace(fold=1).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return (first, max(first, second)) if 0 <= first < LATEST else None


def _is_plain(times: Times, year: int, month: int, day: int, hour: int) -> bool:
    """Whether the hour around these times comes once, and is whole."""
    start, end = (_local_times(year, month, day, hour, minute) for minute in (0, 59))
    if start is None or end is None:
        return False
    return times[0] == times[1] and start[0] == start[1] and end[0] == end[1] == start[0] + 59 * MINUTE


def _year_of(time: float) -> int:
    try:
        return datetime.fromtimestamp(time).year
    except (ValueError, OverflowError, OSError):
        return 1970
