"""Times as people and programs read them."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from knockd.review import clock
from knockd.review.clock import Clock, show_rough_span
from tests.support.doubles.small_times import SmallDatetime

CET = Clock(timezone(timedelta(hours=1)))


def test_times() -> None:
    """Local times, with seconds where they are asked for; RFC 3339 for programs."""
    time = 1_762_110_785.25
    assert CET.show_time(time) == "2025-11-02 20:13"
    assert CET.show_time(time, seconds=True) == "2025-11-02 20:13:05"
    assert CET.json_time(time) == "2025-11-02T20:13:05.250+01:00"
    assert CET.place_of(time) == (6, 20)
    assert CET.offset_of(time) == "UTC+01:00"
    assert Clock(timezone(timedelta(hours=-3, minutes=-30))).offset_of(time) == "UTC-03:30"


def test_times_of_no_calendar() -> None:
    """A stamp may be any number."""
    assert CET.moment_of(1e30).year == 9999
    assert CET.moment_of(-1e30).year == 1


def test_times_beyond_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that the C library does not count is shown in UTC."""
    monkeypatch.setattr(clock, "datetime", SmallDatetime)
    assert CET.show_time(4_102_444_800) == "2100-01-01 00:00"
    assert CET.show_time(2_000_000_000) == "2033-05-18 04:33"
    assert CET.moment_of(1e30).year == 9999


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "under 1 min"), (60, "about 1 min"), (119, "about 1 min"), (1_200, "about 20 min")],
)
def test_a_rough_span(seconds: float, expected: str) -> None:
    """Stamps without seconds do not tell one second from fifty."""
    assert expected == show_rough_span(seconds)
