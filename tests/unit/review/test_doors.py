"""Counts of doors."""

from __future__ import annotations

import pytest

from knockd.review import doors as module
from knockd.review.doors import OTHERS, Doors


def test_openings_and_addresses() -> None:
    """Two openings of one address are one address."""
    doors = Doors()
    for time, ip in enumerate(("192.0.2.7", "192.0.2.7", "192.0.2.8")):
        doors.open("ssh", ip, float(time))
    (line,) = doors.values()
    assert (line.openings, line.addresses, line.last_opening) == (3, 2, 2.0)


def test_what_was_no_opening() -> None:
    """An opening that is taken back takes its address along, when it was the only one."""
    doors = Doors()
    doors.open("ssh", "192.0.2.7", 0.0)
    doors.open("ssh", "192.0.2.8", 1.0)
    doors.open("ssh", "192.0.2.8", 2.0)
    doors.take_back("ssh", "192.0.2.7")
    doors.take_back("ssh", "192.0.2.8")
    (line,) = doors.values()
    assert (line.openings, line.addresses) == (1, 1)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """More doors share a line; more addresses are not told apart; openings are exact."""
    monkeypatch.setattr(module, "MOST_DOORS", 4)
    monkeypatch.setattr(module, "MOST_PAIRS", 3)
    doors = Doors()
    for number in range(9):
        doors.open(f"door {number}", "192.0.2.7", float(number))
    assert len(doors.values()) == 5
    assert sum(line.openings for line in doors.values()) == 9
    assert doors.door("another") is doors.door(OTHERS)
    assert doors.crowded
    assert doors.uncounted
