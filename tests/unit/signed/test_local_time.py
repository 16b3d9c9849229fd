"""Times of this host's zone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from knockd.signed.local_time import local_seconds
from knockd_conf.expiry_time import Moment, utc_seconds


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone with summer time."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("month", "hours"), [(1, 1), (7, 2)])
def test_winter_and_summer(month: int, hours: int) -> None:
    """The zone's rules hold at that time, not those of today."""
    moment = Moment(2027, month, 1, 12)
    assert utc_seconds(moment) - 3_600 * hours == local_seconds(moment)


def test_a_year_that_libc_cannot_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where seconds have 32 bits, a key of the year 9999 still has its time."""

    def overflow(_: object) -> float:
        raise OverflowError

    monkeypatch.setattr(time, "mktime", overflow)
    assert utc_seconds(Moment(9999, 12, 31)) == local_seconds(Moment(9999, 12, 31))
