"""Times of a log in a time zone, as people read them and as programs do.

World: the time zone of this machine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from knockd_conf.text import show_span

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Not those of the locale, as in syslog."""


class Clock:
    """Local time. ``zone`` None is that of this machine.

    A time that no calendar has (a stamp may be any number) is shown as the nearest one that it has.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def moment_of(self, time: float) -> datetime:
        """The moment of seconds since the epoch, with its zone."""
        try:
            return datetime.fromtimestamp(time, UTC).astimezone(self._zone)
        except (OverflowError, ValueError, OSError):
            return _count_from_epoch(time)

    def show_time(self, time: float, seconds: bool = False) -> str:
        """``2026-11-02 20:13``, with ``seconds`` ``2026-11-02 20:13:05``."""
        return self.moment_of(time).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")

    def show_short(self, time: float, hours: bool = True) -> str:
        """``Nov  2 20:13``, without ``hours`` ``Nov  2``."""
        moment = self.moment_of(time)
        day = f"{MONTHS[moment.month - 1]} {moment.day:2}"
        return f"{day} {moment:%H:%M}" if hours else day

    def json_time(self, time: float) -> str:
        """The time by RFC 3339 with milliseconds and offset: ``2026-11-02T20:13:05.123+01:00``."""
        return self.moment_of(time).isoformat(timespec="milliseconds")

    def place_of(self, time: float) -> tuple[int, int]:
        """The weekday (0 is Monday) and the hour of a time."""
        moment = self.moment_of(time)
        return moment.weekday(), moment.hour

    def offset_of(self, time: float) -> str:
        """How far local time is from UTC then: ``UTC+01:00``."""
        ahead = self.moment_of(time).utcoffset() or timedelta()
        minutes = round(ahead.total_seconds() / 60)
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _count_from_epoch(time: float) -> datetime:
    """A time that this C library does not count (2038 is the last year with 32 bits), in UTC."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time)
    except OverflowError:
        return datetime(9999, 12, 30, tzinfo=UTC) if time > 0 else datetime(1, 1, 2, tzinfo=UTC)


def show_rough_span(seconds: float) -> str:
    """A span between stamps without seconds: ``under 1 min``, ``about 12 min``."""
    if seconds < 60:
        return "under 1 min"
    return f"about {'1 min' if seconds < 120 else show_span(seconds)}"
