"""Times of expiry-time=, as sshd(8) has them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from knockd_conf.expiry_time import Moment, parse_expiry, utc_seconds


def east(moment: Moment) -> float:
    """A time zone two hours east of Greenwich."""
    return utc_seconds(moment) - 7_200


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20261231", Moment(2026, 12, 31)),
        ("202612312359", Moment(2026, 12, 31, 23, 59)),
        ("20261231235958", Moment(2026, 12, 31, 23, 59, 58)),
        ("20280229", Moment(2028, 2, 29)),
    ],
)
def test_of_this_host_and_of_utc(text: str, moment: Moment) -> None:
    """Without Z it is a time of this host."""
    assert utc_seconds(moment) == parse_expiry(f"{text}Z", east)
    assert utc_seconds(moment) - 7_200 == parse_expiry(text, east)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "2026", "202612", "2026-12-31", " 20261231", "20261231 ", "20261231z"),
        *("20261301", "20260229", "20261232", "19691231", "2026123124", "202612312400", "202612312360"),
        *("20261231235960", "\uff12\uff10\uff12\uff16\uff11\uff12\uff13\uff11"),
    ],
)
def test_mistakes(text: str) -> None:
    """The message shows the form and what was seen."""
    expected = f"expected expiry-time=\"YYYYMMDD[HHMM[SS]][Z]\", a day of the calendar, got '{text}'"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_expiry(text, east)


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2024, 2026, 2100, 9999])
@pytest.mark.parametrize(("month", "day"), [(1, 1), (2, 28), (3, 1), (12, 31)])
def test_seconds_of_utc(year: int, month: int, day: int) -> None:
    """As the standard library counts them."""
    expected = datetime(year, month, day, 13, 14, 15, tzinfo=UTC).timestamp()
    assert expected == utc_seconds(Moment(year, month, day, 13, 14, 15))
