"""Counts over time."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from knockd.review import timeline as module
from knockd.review.clock import Clock
from knockd.review.timeline import ATTEMPTS, OPENINGS, SCANS, Counts

MONDAY = 1_789_948_800.0
"""2026-09-21, 00:00 UTC."""


def test_parts() -> None:
    """What happens within a minute is one part, and a part without anything is there too."""
    counts = Counts(Clock(UTC))
    for time in (0.0, 30.0, 150.0):
        counts.add(SCANS, MONDAY + time)
    counts.add(OPENINGS, MONDAY + 150)
    line = counts.timeline(MONDAY, MONDAY + 179)
    assert (line.start, line.width) == (MONDAY, 60.0)
    assert line.scans == (2, 0, 1)
    assert line.openings == (0, 0, 1)
    assert line.attempts == (0, 0, 0)


def test_what_is_taken_back() -> None:
    """A count can be moved to another kind."""
    counts = Counts(Clock(UTC))
    counts.add(SCANS, MONDAY)
    counts.add(SCANS, MONDAY, -1)
    counts.add(ATTEMPTS, MONDAY)
    line = counts.timeline(MONDAY, MONDAY)
    assert (line.attempts, line.scans) == ((1,), (0,))


def test_hours() -> None:
    """Hours of the week are those of the zone, in order of time or not."""
    counts = Counts(Clock(timezone(timedelta(hours=5, minutes=45))))
    for time in (0.0, 899.0, 900.0, 0.0):
        counts.add(OPENINGS, MONDAY + time)
    assert counts.hours[OPENINGS][0][5] == 3
    assert counts.hours[OPENINGS][0][6] == 1


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the log, there are few parts, and no count is lost."""
    monkeypatch.setattr(module, "MOST_PARTS", 16)
    counts = Counts(Clock(UTC))
    for number in range(5_000):
        counts.add(SCANS, MONDAY + number * 40_000)
    assert len(counts._parts) <= 16
    line = counts.timeline(MONDAY, MONDAY + 5_000 * 40_000, most=10)
    assert len(line.scans) <= 10
    assert sum(line.scans) == 5_000


def test_times_of_no_calendar() -> None:
    """A stamp may be any number."""
    counts = Counts(Clock(UTC))
    counts.add(SCANS, 1e15)
    counts.add(SCANS, -1e15)
    assert len(counts.timeline(-1e15, 1e15).scans) <= 240
