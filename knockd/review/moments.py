"""Points in time as people type them: dates, times of day, ``yesterday``, ``2 days ago``. Local time.

World: the time of day.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from knockd_conf.classes import NamedTuple

EXPECTED = "expected a time such as 2026-11-28, '2026-11-28 08:00', 08:00, yesterday, '2 days ago', 3h or now"

_SECONDS: Mapping[str, float] = {"s": 1, "m": 60, "h": 3600}
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), "w"),
}
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_SPAN = re.compile(r"-?\s*([0-9]{1,6})\s*([a-z]+)(?:\s+ago)?")
_MOMENT = re.compile(
    r"(?:(?P<day>today|yesterday|tomorrow|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}))?"
    r"(?:(?:^|t|\s+)(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"\s*(?P<zone>z|[-+][0-9]{2}:?[0-9]{2})?)?"
)


class _Range(NamedTuple):
    """What a text can stand for, from its first to behind its last second. ``clock``: a time of any day."""

    start: float
    end: float
    clock: bool = False


def parse_since(text: str, now: float) -> float:
    """The time that a text names: seconds since the epoch. A day begins at 00:00 local time.

    A time of day is the last one: ``22:00`` typed in the morning is yesterday's. Raises ValueError.
    """
    found = _parse_range(text, now)
    if found.clock and found.start > now:
        return _shifted(found.start, -1)
    return found.start


def parse_until(text: str, now: float, since: float | None) -> float:
    """The time at which what a text names ends: a day's end for a day, else the time itself.

    A time of day is the first one behind ``since``. Of a time that comes twice, since clocks are set back,
    it is the second one; ``parse_since`` takes the first. Raises ValueError.
    """
    found = _parse_range(text, now)
    if found.clock and since is not None and found.start <= since:
        return _shifted(found.start, 1)
    return found.end


def _parse_range(text: str, now: float) -> _Range:
    """What a text names. Raises ValueError with a message that quotes it."""
    said = " ".join(text.lower().split())
    try:
        if said == "now":
            return _Range(now, now)
        if re.fullmatch(r"@[0-9]{1,11}(\.[0-9]+)?", said):
            return _Range(float(said[1:]), float(said[1:]))
        span = _SPAN.fullmatch(re.sub(r"^an? ", "1 ", said))
        if span and span[2] in _WORDS:
            return _back(now, int(span[1]), _WORDS[span[2]])
        match = _MOMENT.fullmatch(said)
        if match and said:
            return _moment(match, now)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{EXPECTED}, got {text!r}") from error
    raise ValueError(f"{EXPECTED}, got {text!r}")


def _back(now: float, number: int, unit: str) -> _Range:
    """A span before now. Days are those of the calendar, at the same time of day."""
    if unit == "d":
        then = _shifted(now, -number)
    elif unit == "w":
        then = _shifted(now, -7 * number)
    else:
        then = now - number * _SECONDS[unit]
    return _Range(then, then)


def _moment(match: re.Match[str], now: float) -> _Range:
    """A day, a time of day, or both. Raises ValueError or OverflowError for what no calendar has."""
    year, month, day = time.localtime(now)[:3]
    if match["day"] in _DAYS:
        day += _DAYS[match["day"]]
    elif match["day"]:
        year, month, day = map(int, match["day"].split("-"))
        time.strptime(match["day"], "%Y-%m-%d")
    if match["clock"] is None:
        return _Range(_local(year, month, day), _local(year, month, day + 1))
    hour, minute, second = ([*match["clock"].split(":"), "0"])[:3]
    if int(hour) > 24 or int(minute) > 59 or float(second) >= 61:
        raise ValueError("no time of day")
    if match["zone"]:
        first = last = _utc(year, month, day) + int(hour) * 3600 + int(minute) * 60 - _offset(match["zone"])
    else:
        first, last = _both_local(year, month, day, int(hour), int(minute))
    return _Range(first + float(second), last + float(second), clock=match["day"] is None)


def _local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    """Seconds since the epoch; a day or hour that is too large counts on into the next."""
    return time.mktime((year, month, day, hour, minute, 0, 0, 0, -1))


def _both_local(year: int, month: int, day: int, hour: int, minute: int) -> tuple[float, float]:
    """The first and the last time that a clock here shows this: two where clocks are set back."""
    at = _local(year, month, day, hour, minute)
    shown = time.localtime(at)[:5]
    near = [at + shift for shift in (-3600, -1800, 0, 1800, 3600)]
    same = [one for one in near if time.localtime(one)[:5] == shown]
    return min(same), max(same)


def _utc(year: int, month: int, day: int) -> float:
    """The first second of a day in UTC."""
    import calendar

    return calendar.timegm((year, month, 1, 0, 0, 0, 0, 0, 0)) + (day - 1) * 86400


def _offset(zone: str) -> float:
    """Seconds that a zone such as ``+01:00`` is ahead of UTC."""
    if zone == "z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _shifted(at: float, days: int) -> float:
    """The same time of day some days later."""
    year, month, day, hour, minute, second = time.localtime(at)[:6]
    return time.mktime((year, month, day + days, hour, minute, second, 0, 0, -1)) + at % 1


def show_moment(at: float, precision: float = 1.0) -> str:
    """A time as a clock here shows it, 19 characters wide: ``2026-11-28 23:12:05``, without seconds where
    it is exact to a minute only."""
    try:
        local = time.localtime(at)
    except (OverflowError, ValueError, OSError):
        return f"@{at:<18.0f}"
    return time.strftime("%Y-%m-%d %H:%M   " if precision >= 60 else "%Y-%m-%d %H:%M:%S", local)
