"""Times as the people of this time zone write them, and where the ticks of an axis of time stand.

World: the time zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from knockd.review.clock import MONTHS
from knockd_conf.classes import dataclass

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

LATEST = 7_258_118_400.0
"""The year 2200: a stamp of a log may be any number, and what is later, or before 1970, is shown as that."""

_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)
_STEPS_OF_DAYS = (1, 2, 7, 14)
_STEPS_OF_MONTHS = (1, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of an axis of time. ``major``: its label stays where there is room for few."""

    time: float
    label: str
    major: bool


def format_time(time: float, precision: float = 1, *, year: bool = False) -> str:
    """``Tue 24 Nov 21:07:05`` in local time, without seconds that ``precision`` (seconds) does not know."""
    local = _local(time)
    clock = f"{local:%H:%M}" if precision >= 60 else f"{local:%H:%M:%S}"
    return f"{_date(local)}{f' {local.year}' if year else ''} {clock}"


def machine_time(time: float) -> str:
    """The time for programs: ``2026-11-24T21:07:05+01:00``."""
    return _with_zone(_local(time)).isoformat(timespec="seconds")


def year_of(time: float) -> int:
    """The year of a time, in local time."""
    return _local(time).year


def zone_text(first: float, last: float) -> str:
    """The time zone, or both where the clocks were changed: ``CEST (UTC+02:00) and CET (UTC+01:00)``."""
    zones: dict[str, None] = {}
    for time in (first, last):
        local = _with_zone(_local(time))
        offset = f"{local:%z}"
        zones[f"{local.tzname()} (UTC{offset[:3]}:{offset[3:5]})"] = None
    return " and ".join(zones)


def find_ticks(start: float, end: float, most: int = 9, major: int = 4) -> tuple[Tick, ...]:
    """At most ``most`` round local times from ``start`` to ``end``, about ``major`` of them major."""
    if not 0 <= start < end <= LATEST:
        return ()
    for minutes in _MINUTES:
        if (end - start) / 60 / minutes <= most:
            return _pick(_clock_times(start, end, minutes), major)
    for days in _STEPS_OF_DAYS:
        if (end - start) / 86400 / days <= most:
            return _pick(_midnights(start, end, days), major)
    for months in _STEPS_OF_MONTHS:
        if (end - start) / 86400 / 30.4 / months <= most:
            return _pick(_months(start, end, months), major)
    return ()


def _local(time: float) -> datetime:
    bounded = min(max(time, 0.0), LATEST)
    try:
        return datetime.fromtimestamp(bounded)
    except OverflowError:  # this C library counts with 32 bits, to 2038: UTC
        return datetime(1970, 1, 1) + timedelta(seconds=bounded)


def _with_zone(local: datetime) -> datetime:
    try:
        return local.astimezone()
    except OverflowError:
        return local.replace(tzinfo=UTC)


def _seconds(local: datetime) -> float:
    try:
        return local.timestamp()
    except OverflowError:
        return local.replace(tzinfo=UTC).timestamp()


def _date(local: datetime) -> str:
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]}"


def _midnight(time: float) -> datetime:
    return _local(time).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _clock_times(start: float, end: float, minutes: int) -> Iterator[tuple[float, str]]:
    local = _midnight(start)
    while (time := _seconds(local)) <= end:
        if time >= start:
            yield time, f"{local:%H:%M}" if local.hour or local.minute else _date(local)
        local += timedelta(minutes=minutes)


def _midnights(start: float, end: float, days: int) -> Iterator[tuple[float, str]]:
    local = _midnight(start)
    while (time := _seconds(local)) <= end:
        if time >= start:
            yield time, _date(local)
            local += timedelta(days=days)
        else:
            local += timedelta(days=1)


def _months(start: float, end: float, months: int) -> Iterator[tuple[float, str]]:
    local = _midnight(start).replace(month=1, day=1)
    while (time := _seconds(local)) <= end:
        if time >= start:
            yield time, f"{MONTHS[local.month - 1]} {local.year}"
        after = local.year * 12 + local.month - 1 + months
        local = local.replace(year=after // 12, month=after % 12 + 1)


def _pick(times: Iterator[tuple[float, str]], major: int) -> tuple[Tick, ...]:
    """Ticks of these times; of each few that follow one another the first is major."""
    found = list(times)
    each = max(1, -(-len(found) // major))
    return tuple(Tick(time, label, at % each == 0) for at, (time, label) in enumerate(found))
