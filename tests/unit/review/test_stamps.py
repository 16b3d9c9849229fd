"""Stamps of log lines: to seconds since the epoch, in the order of the file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from knockd.review.stamps import Stamps


def at(*parts: int) -> float:
    """Seconds since the epoch of a time in UTC."""
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone whose clocks are set back on 25 October 2026 at 3:00, by one hour."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def stamps(year_hint: float = at(2026, 11, 3), steps: list[tuple[float, float]] | None = None) -> Stamps:
    """Stamps of a file; its steps back go to ``steps``."""
    return Stamps(year_hint, lambda *step: None if steps is None else steps.append(step))


def test_minute_is_local() -> None:
    """The stamp of 0.8 is local time."""
    assert at(2026, 11, 2, 19, 13) == stamps().read_minute("2026-11-02 20:13")
    assert at(2026, 7, 2, 18, 13) == stamps().read_minute("2026-07-02 20:13")


def test_absolute_has_its_offset() -> None:
    """An offset holds, whatever the zone here."""
    assert at(2026, 11, 2, 19, 13, 5) + 0.25 == stamps().read_absolute("2026-11-02T20:13:05.250+01:00")
    assert at(2026, 11, 2, 20, 13, 5) == stamps().read_absolute("2026-11-02T20:13:05Z")
    assert at(2026, 11, 2, 22, 13, 5) == stamps().read_absolute("2026-11-02T20:13:05-0200")


def test_the_hour_that_comes_twice() -> None:
    """A stamp that goes back within the hour that comes twice is of the second one."""
    read = stamps().read_minute
    assert at(2026, 10, 25, 0, 10) == read("2026-10-25 02:10")
    assert at(2026, 10, 25, 0, 50) == read("2026-10-25 02:50")
    assert at(2026, 10, 25, 1, 10) == read("2026-10-25 02:10")
    assert at(2026, 10, 25, 1, 50) == read("2026-10-25 02:50")
    assert at(2026, 10, 25, 2, 0) == read("2026-10-25 03:00")


def test_the_hour_that_comes_twice_is_no_step_back() -> None:
    """Clocks that are set back in autumn are no clock that went back."""
    steps: list[tuple[float, float]] = []
    read = stamps(steps=steps).read_syslog
    assert at(2026, 10, 25, 0, 59, 59) == read("Oct 25 02:59:59")
    assert at(2026, 10, 25, 1, 0, 0) == read("Oct 25 02:00:00")
    assert [] == steps


def test_the_second_time_through_the_hour_of_the_file_before() -> None:
    """A minute that is known is read again as what it is now, not as what it was."""
    read = stamps().read_minute
    assert at(2026, 10, 25, 0, 50) == read("2026-10-25 02:50")
    assert at(2026, 10, 25, 1, 40) == read("2026-10-25 02:40")
    assert at(2026, 10, 25, 1, 50) == read("2026-10-25 02:50")


def test_year_that_is_written() -> None:
    """A stamp with a year has that year, whatever the others."""
    read = stamps()
    assert at(2020, 11, 2, 19, 13, 5) == read.read_syslog("Nov  2 20:13:05", 2020)
    assert read.read_syslog("Xxx  2 20:13:05", 2020) is None


def test_second() -> None:
    """A minute and its second; there is no 60th."""
    assert at(2026, 11, 2, 19, 13, 5) == stamps().read_second("2026-11-02 20:13", 5.0)
    assert stamps().read_second("2026-11-02 20:13", 60.0) is None


@pytest.mark.parametrize(
    "text", ["2026-11-02T20:13:75Z", "2026-11-02T20:13:05.Z", "2026-11-02T20:13:05.\u0663Z"]
)
def test_minute_that_is_known(text: str) -> None:
    """What is no time is none, even when its minute is known."""
    read = stamps()
    read.read_absolute("2026-11-02T20:13:05Z")
    assert read.read_absolute(text) is None


def test_step_back() -> None:
    """A clock that went back is told, and believed."""
    steps: list[tuple[float, float]] = []
    read = stamps(steps=steps).read_minute
    read("2026-11-02 20:13")
    assert at(2026, 11, 2, 17, 13) == read("2026-11-02 18:13")
    assert [(at(2026, 11, 2, 19, 13), at(2026, 11, 2, 17, 13))] == steps


@pytest.mark.parametrize(
    ("hint", "stamp", "expected"),
    [
        (at(2026, 11, 3), "Nov  2 20:13:05", at(2026, 11, 2, 19, 13, 5)),
        (at(2026, 1, 3), "Nov 02 20:13:05", at(2025, 11, 2, 19, 13, 5)),
        (at(2026, 11, 2), "Nov  2 20:13:05", at(2026, 11, 2, 19, 13, 5)),
        (at(2026, 11, 2), "Feb 29 20:13:05", at(2024, 2, 29, 19, 13, 5)),
    ],
    ids=["this-year", "last-year", "a-clock-ahead-of-the-file-s", "a-leap-year"],
)
def test_first_year(hint: float, stamp: str, expected: float) -> None:
    """The first stamp without a year is of the last year in which it is not after the file was written."""
    assert expected == stamps(hint).read_syslog(stamp)


def test_new_year() -> None:
    """January behind December is of the next year, and December behind January of the last."""
    read = stamps(at(2026, 12, 31, 23)).read_syslog
    read("Dec 31 23:59:59")
    assert at(2026, 12, 31, 23, 0, 1) == read("Jan  1 00:00:01")
    assert at(2026, 12, 31, 22, 59, 59) == read("Dec 31 23:59:59")


@pytest.mark.parametrize(
    "text", ["2026-13-02 20:13", "2026-11-02 25:61", "0000-00-00 00:00", "9999-12-31 23:59", "x", ""]
)
def test_no_minute(text: str) -> None:
    """What is no time is none."""
    assert stamps().read_minute(text) is None


@pytest.mark.parametrize(
    "text", ["Nov 32 20:13:05", "Xxx  2 20:13:05", "Nov  2 25:13:05", "Nov  2 20:13:99", "Nov  2", ""]
)
def test_no_syslog_stamp(text: str) -> None:
    """What is no time is none."""
    assert stamps().read_syslog(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-02T20:13:05Z",
        "9999999-11-02T20:13:05Z",
        "2026-11-02T20:13:05",
        "2026-11-02T20:13:05+99:99",
        "1969-11-02T20:13:05Z",
        "-",
    ],
)
def test_no_absolute_time(text: str) -> None:
    """What is no time, or before all of them, is none."""
    assert stamps().read_absolute(text) is None


@pytest.mark.parametrize("hint", [0.0, -1e300, 1e300])
def test_absurd_hint(hint: float) -> None:
    """A file whose time is absurd may have no years, but no error."""
    stamps(hint).read_syslog("Nov  2 20:13:05")
