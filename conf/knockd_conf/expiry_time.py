"""The time of ``expiry-time=`` in an authorized_keys file (sshd(8)).

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.errors import seen
from knockd_conf.key_file import parse_date

_TIME: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?(?P<utc>Z)?",
    re.ASCII,
)
_EPOCH: Final = 1970


class Moment(NamedTuple):
    """A second of the calendar and the clock on the wall."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0


def parse_expiry(text: str, local_time: Callable[[Moment], float]) -> float:
    """The seconds since the epoch of ``YYYYMMDD[HHMM[SS]][Z]``. Raises ValueError.

    ``local_time`` has those of a time that is this host's, as it is without ``Z``.
    """
    found = _TIME.fullmatch(text)
    moment = None if found is None else _read(found)
    if found is None or moment is None:
        raise ValueError(
            f'expected expiry-time="YYYYMMDD[HHMM[SS]][Z]", a day of the calendar, got {seen(text)}'
        )
    return utc_seconds(moment) if found["utc"] else local_time(moment)


def _read(found: re.Match[str]) -> Moment | None:
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if int(found["year"]) < _EPOCH or hour > 23 or minute > 59 or second > 59:
        return None
    try:
        parse_date(f"{found['year']}-{found['month']}-{found['day']}")
    except ValueError:
        return None
    return Moment(int(found["year"]), int(found["month"]), int(found["day"]), hour, minute, second)


def utc_seconds(moment: Moment) -> float:
    """The seconds since the epoch of a time that is UTC's."""
    year, month = (moment.year, moment.month) if moment.month > 2 else (moment.year - 1, moment.month + 12)
    leap_days = year // 4 - year // 100 + year // 400
    days = 365 * year + leap_days + (153 * (month - 3) + 2) // 5 + moment.day - 719_469
    return float(((days * 24 + moment.hour) * 60 + moment.minute) * 60 + moment.second)
