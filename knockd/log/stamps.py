"""The time of day as log lines have it, always local time: that of /etc/localtime now, or of TZ.

World: the time of day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache


def file_stamp() -> str:
    """What stands before a classic line in a log file, as knockd 0.8 writes it: ``[2026-11-02 20:13] ``."""
    _follow_zone(int(time.time()))
    return time.strftime("[%Y-%m-%d %H:%M] ")


def syslog_stamp() -> str:
    """The time of a syslog message (RFC 3164, section 4.1.2): ``Nov  2 20:13:05``."""
    _follow_zone(int(time.time()))
    return time.strftime("%b %e %H:%M:%S")


def json_time() -> str:
    """The time with milliseconds and offset (RFC 3339): ``2026-11-02T20:13:05.123+01:00``."""
    seconds = time.time()
    _follow_zone(int(seconds))
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(seconds % 1 * 1000):03d}{zone[:3]}:{zone[3:]}"


def local_time(microseconds: int) -> str:
    """A time since the epoch for people: ``2026-11-02 20:13:05.123456``."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', _split_time(time.localtime, seconds))}.{rest:06d}"


def local_day(microseconds: int | None = None, *, later: int = 0) -> str:
    """The date here at a time since the epoch (None: now), or some days later: ``2026-11-02``."""
    seconds = time.time() if microseconds is None else microseconds // 1_000_000
    if microseconds is None:
        _follow_zone(int(seconds))
    local = _split_time(time.localtime, seconds)
    if later:
        year, month, day = local[:3]
        local = time.localtime(time.mktime((year, month, day + later, 12, 0, 0, 0, 0, -1)))
    return time.strftime("%Y-%m-%d", local)


def utc_time(microseconds: int) -> str:
    """A time since the epoch for programs (RFC 3339): ``2026-11-02T19:13:05.123456Z``."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', _split_time(time.gmtime, seconds))}.{rest:06d}Z"


def _split_time(split: Callable[[float], time.struct_time], seconds: float) -> time.struct_time:
    """What a clock shows then; in UTC where this C library does not count so far (2038, with 32 bits)."""
    try:
        return split(seconds)
    except OverflowError:  # a capture file counts to 2106
        from datetime import datetime, timedelta

        return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).timetuple()


@lru_cache(maxsize=1)
def _follow_zone(_second: int) -> None:
    """Reads the time zone, once a second: the C library does so by itself at its first use only."""
    with suppress(RuntimeError):  # musl does not even then, and loses its way in a file that is written anew
        time.tzset()
