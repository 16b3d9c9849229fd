"""A timeline of block characters."""

from __future__ import annotations

from datetime import UTC

from knockd.review.bars import ASCII, draw_axis, draw_bars, draw_timeline
from knockd.review.clock import Clock
from knockd.review.summary import Timeline

CLOCK = Clock(UTC)
NONE = Timeline(0.0, 60.0, (), (), ())


def test_heights() -> None:
    """The most is a full block, nothing is a space, and little is not nothing."""
    assert draw_bars((0, 1, 500, 1_000), 4) == (" ▁▄█", 1_000)
    assert draw_bars((0, 1, 500, 1_000), 4, ASCII) == (" .=@", 1_000)
    assert draw_bars((), 4) == ("", 0)
    assert draw_bars((0,), 1) == (" ", 0)


def test_parts_are_joined_or_widened() -> None:
    """More parts than characters are summed; fewer are drawn wider."""
    assert draw_bars((1, 1, 2, 2, 4), 3) == ("▄██", 4)
    assert draw_bars((1, 2), 6) == ("▄▄▄███", 2)


def test_axis() -> None:
    """The times at both ends, and in the middle where there is room."""
    line = Timeline(0.0, 3_600.0, (1,) * 48, (0,) * 48, (0,) * 48)
    assert draw_axis(line, 48, CLOCK) == "Jan  1 00:00      Jan  2 00:00      Jan  3 00:00"
    assert draw_axis(line, 30, CLOCK) == "Jan  1 00:00      Jan  3 00:00"
    assert draw_axis(line, 10, CLOCK) == "Jan  1 00:00"


def test_rows_that_hold_something() -> None:
    """A row that is all zero is not drawn; the axis stands below the others."""
    line = Timeline(0.0, 60.0, (0, 2), (0, 0), (5, 0))
    assert draw_timeline(line, 40, CLOCK) == [
        "openings               ██████████████ 2",
        "scans    ██████████████               5",
        "         Jan  1 00:00    Jan  1 00:02",
    ]
    assert draw_timeline(NONE, 40, CLOCK) == []
    assert all(len(row) <= 40 for row in draw_timeline(line, 40, CLOCK))
