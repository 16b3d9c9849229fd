"""Times on the page: local time, spans, ticks of axes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.review import dates
from tests.support.doubles.small_times import SmallDatetime

SUMMER_ENDS = 1_792_890_000.0
"""Sunday 25 October 2026, 03:00 in Berlin: then it is 02:00 again."""


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone that changes its clocks."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_seconds_that_the_log_does_not_know() -> None:
    """A stamp of 0.8 has minutes, so no seconds are shown."""
    assert dates.format_time(SUMMER_ENDS, 60) == "Sun 25 Oct 02:00"
    assert dates.format_time(SUMMER_ENDS + 5, 1, year=True) == "Sun 25 Oct 2026 02:00:05"


def test_the_hour_that_comes_twice_has_its_offset() -> None:
    """The same time of day before and after the clocks are set back differs for programs."""
    assert dates.machine_time(SUMMER_ENDS - 1800) == "2026-10-25T02:30:00+02:00"
    assert dates.machine_time(SUMMER_ENDS + 1800) == "2026-10-25T02:30:00+01:00"


def test_both_zones_are_named() -> None:
    """A period with a change of the clocks is in two zones."""
    assert dates.zone_text(SUMMER_ENDS - 86400, SUMMER_ENDS) == "CEST (UTC+02:00) and CET (UTC+01:00)"
    assert dates.zone_text(SUMMER_ENDS, SUMMER_ENDS + 86400) == "CET (UTC+01:00)"


def test_days_begin_at_midnight_across_a_change() -> None:
    """Ticks of days stand at local midnights, 25 hours apart where a day has 25."""
    found = dates.find_ticks(SUMMER_ENDS - 2 * 86400, SUMMER_ENDS + 4 * 86400)
    assert [tick.label for tick in found][:3] == ["Sat 24 Oct", "Sun 25 Oct", "Mon 26 Oct"]
    assert [later.time - tick.time for tick, later in pairwise(found)][:3] == [86400, 90000, 86400]


def test_ticks_of_hours_name_the_day_at_midnight() -> None:
    """Within a day ticks are times of day, and midnight says which day begins."""
    labels = [tick.label for tick in dates.find_ticks(SUMMER_ENDS + 20 * 3600, SUMMER_ENDS + 26 * 3600)]
    assert labels == ["22:00", "23:00", "Mon 26 Oct", "01:00", "02:00", "03:00", "04:00"]


def test_ticks_of_years() -> None:
    """A long log has ticks at the first of a month."""
    labels = [tick.label for tick in dates.find_ticks(SUMMER_ENDS, SUMMER_ENDS + 3 * 365 * 86400)]
    assert labels == ["Jan 2027", "Jul 2027", "Jan 2028", "Jul 2028", "Jan 2029", "Jul 2029"]


@given(st.floats(-1e12, 1e12), st.floats(0, 1e10))
def test_ticks_are_few_and_in_order(start: float, length: float) -> None:
    """Any period has at most ten ticks, in it and in order, and at most four are major."""
    found = dates.find_ticks(start, start + length)
    times = [tick.time for tick in found]
    assert times == sorted(times)
    assert all(start <= one <= start + length for one in times)
    assert len(found) <= 10
    assert sum(tick.major for tick in found) <= 4


@given(st.floats(allow_nan=False))
def test_any_number_is_a_time(number: float) -> None:
    """A stamp that no calendar has is shown as the nearest that is shown."""
    assert dates.format_time(number, year=True)
    assert dates.machine_time(number)


def test_times_beyond_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that the C library does not count are shown in UTC, also on an axis that begins before."""
    monkeypatch.setattr(dates, "datetime", SmallDatetime)
    assert dates.machine_time(4_102_444_800) == "2100-01-01T00:00:00+00:00"
    labels = [tick.label for tick in dates.find_ticks(2_100_000_000, 2_300_000_000)]
    assert labels == ["Jan 2037", "Jan 2038", "Jan 2039", "Jan 2040", "Jan 2041", "Jan 2042"]
