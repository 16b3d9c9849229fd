"""The time of day in log lines: three forms that readers know, in local time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from knockd.log.stamps import file_stamp, json_time, local_day, local_time, syslog_stamp, utc_time
from tests.support.doubles.small_times import count_with_32_bits

NOW = 1793646785.1239
"""2026-11-02 20:13:05 in Berlin."""


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone is Berlin's winter time, by its rule and not by a file of the host, and time stands still."""
    strftime = time.strftime
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(time, "strftime", lambda form, at=None: strftime(form, at or time.localtime(NOW)))
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_log_file() -> None:
    """A line of a classic log file begins with 0.8's stamp."""
    assert "[2026-11-02 20:13] " == file_stamp()


def test_syslog() -> None:
    """A day before the tenth has a space in front (RFC 3164, section 4.1.2)."""
    assert "Nov  2 20:13:05" == syslog_stamp()


def test_json() -> None:
    """The time of a JSON line has milliseconds, cut off, and the offset with a colon (RFC 3339)."""
    assert "2026-11-02T20:13:05.123+01:00" == json_time()


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC0", "2026-11-02T19:13:05.123+00:00"),
        ("NST3:30", "2026-11-02T15:43:05.123-03:30"),
    ],
)
def test_offsets(monkeypatch: pytest.MonkeyPatch, zone: str, expected: str) -> None:
    """The offset is the zone's, half hours and Greenwich too."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert expected == json_time()


@pytest.mark.parametrize(
    ("stamp", "there"),
    [
        (file_stamp, "[2026-11-03 04:13] "),
        (syslog_stamp, "Nov  3 04:13:06"),
        (json_time, "2026-11-03T04:13:06.123+09:00"),
    ],
)
def test_zone_that_changes(monkeypatch: pytest.MonkeyPatch, stamp: Callable[[], str], there: str) -> None:
    """The next second has the zone that is in force then."""
    stamp()
    monkeypatch.setenv("TZ", "JST-9")
    now = NOW + 1
    monkeypatch.setattr(time, "time", lambda: now)
    strftime = time.strftime
    monkeypatch.setattr(time, "strftime", lambda form, at=None: strftime(form, at or time.localtime(now)))
    assert there == stamp()


def test_zone_is_looked_at_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines a second has, the file of the zone is looked at once."""
    looks = []
    monkeypatch.setattr(time, "tzset", lambda: looks.append(time.time()))
    for second in (7, 7, 7, 8):
        monkeypatch.setattr(time, "time", lambda at=NOW + second: at)
        json_time()
    monkeypatch.undo()
    assert [NOW + 7, NOW + 8] == looks


def test_zone_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python refuses the offsets that musl finds in a file of a zone that was written anew: lines go on."""

    def refuse() -> None:
        raise RuntimeError("invalid GMT offset")

    monkeypatch.setattr(time, "tzset", refuse)
    monkeypatch.setattr(time, "time", lambda: NOW + 2)
    assert "[2026-11-02 20:13] " == file_stamp()
    monkeypatch.undo()


def test_time_of_a_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time in microseconds is told in the zone for people, and in UTC for programs."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    assert "2023-11-15 07:13:20.000007" == local_time(1_700_000_000_000_007)
    assert "2023-11-14T22:13:20.000007Z" == utc_time(1_700_000_000_000_007)
    monkeypatch.undo()
    time.tzset()


def test_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day is that of the zone; one later is that of the calendar, also where the clocks change between."""
    assert ("2026-11-02", "2026-11-16") == (local_day(), local_day(later=14))
    assert ("2026-10-24", "2026-10-26") == (
        local_day(1_792_879_199_999_999),
        local_day(1_792_879_199_999_999, later=2),
    )
    monkeypatch.setenv("TZ", "JST-9")
    monkeypatch.setattr(time, "time", lambda: NOW + 1)
    assert "2026-11-03" == local_day()


def test_times_beyond_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture file counts to 2106; where the C library does so to 2038, what is later is told in UTC."""
    count_with_32_bits(monkeypatch)
    last = (1 << 32) * 1_000_000 - 1
    assert "2038-01-19 04:14:07.000000" == local_time(((1 << 31) - 1) * 1_000_000)
    assert "2106-02-07 06:28:15.999999" == local_time(last)
    assert "2106-02-07T06:28:15.999999Z" == utc_time(last)
    assert "2106-02-07" == local_day(last)
