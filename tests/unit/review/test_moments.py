"""Points in time as people type them, in Berlin, at noon on a Monday after the clocks went back."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator

import pytest

from knockd.review.moments import EXPECTED, parse_since, parse_until, show_moment

NOW = calendar.timegm((2026, 11, 2, 11, 0, 0))
"""2026-11-02 12:00:00 in Berlin."""


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone is Berlin's, by its rule and not by a file of the host."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(at: float) -> str:
    """A time as a clock in Berlin shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("now", "2026-11-02 12:00:00"),
        ("today", "2026-11-02 00:00:00"),
        ("Yesterday", "2026-11-01 00:00:00"),
        ("yesterday 22:30", "2026-11-01 22:30:00"),
        ("08:00", "2026-11-02 08:00:00"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("2026-11-1  8:05", "2026-11-01 08:05:00"),
        ("2026-11-01T08:05:09", "2026-11-01 08:05:09"),
        ("2026-11-01T08:05:09Z", "2026-11-01 09:05:09"),
        ("2026-11-01 08:05 -0530", "2026-11-01 14:35:00"),
        ("3h", "2026-11-02 09:00:00"),
        ("90 min ago", "2026-11-02 10:30:00"),
        ("an hour ago", "2026-11-02 11:00:00"),
        ("2 days ago", "2026-10-31 12:00:00"),
        ("2 weeks", "2026-10-19 12:00:00"),
        ("@1793617200.5", "2026-11-02 12:00:00"),
    ],
)
def test_since(text: str, start: str) -> None:
    """A text names its first second, in local time, days by the calendar."""
    assert start == shown(parse_since(text, NOW))


def test_a_time_that_comes_twice() -> None:
    """When clocks are set back, both hours lie between --since and --until."""
    since, until = parse_since("2026-10-25 02:30", NOW), parse_until("2026-10-25 02:45", NOW, None)
    assert since == calendar.timegm((2026, 10, 25, 0, 30, 0))
    assert until == calendar.timegm((2026, 10, 25, 1, 45, 0))


def test_a_time_that_does_not_come() -> None:
    """Where clocks are set forward, it is one nearby."""
    since = parse_since("2026-03-29 02:30", NOW)
    assert abs(since - calendar.timegm((2026, 3, 29, 1, 0, 0))) <= 1_800
    assert since == parse_until("2026-03-29 02:30", NOW, None)


def test_a_time_of_day_is_the_last_one() -> None:
    """``--since 22:00``, typed at noon, is yesterday's: today's has not come."""
    assert "2026-11-01 22:00:00" == shown(parse_since("22:00", NOW))


def test_a_day_ends_with_its_last_second() -> None:
    """``--until`` a day takes in the whole day, as long as it is: this one had 25 hours."""
    assert "2026-10-26 00:00:00" == shown(parse_until("2026-10-25", NOW, None))
    assert 25 * 3600 == parse_until("2026-10-25", NOW, None) - parse_since("2026-10-25", NOW)


def test_a_time_of_day_ends_behind_the_beginning() -> None:
    """``--since 22:00 --until 06:00`` is a night, whenever it is typed."""
    since = parse_since("22:00", NOW)
    assert "2026-11-02 06:00:00" == shown(parse_until("06:00", NOW, since))
    late = parse_since("22:00", NOW + 11 * 3600)
    assert "2026-11-03 06:00:00" == shown(parse_until("06:00", NOW + 11 * 3600, late))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-13-01",
        "25:00",
        "08:61",
        "8",
        "2 parsecs ago",
        "2026",
        "@x",
        "9999999 d",
    ],
)
def test_what_is_no_time(text: str) -> None:
    """The message names what is expected and quotes what was typed."""
    with pytest.raises(ValueError, match="expected a time") as refused:
        parse_since(text, NOW)
    assert f"{EXPECTED}, got {text!r}" == str(refused.value)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [(0.001, "2026-11-02 12:00:00"), (1, "2026-11-02 12:00:00"), (60, "2026-11-02 12:00   ")],
)
def test_shown(precision: float, expected: str) -> None:
    """A time is shown as exactly as it is known, and always as wide."""
    assert expected == show_moment(NOW + 0.7, precision)


def test_a_time_that_no_calendar_has() -> None:
    """A stamp may be any number; it is shown as that."""
    assert "@1000000000000000000" == show_moment(1e18)
