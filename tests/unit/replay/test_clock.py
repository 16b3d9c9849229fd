"""Time as a capture has it."""

from __future__ import annotations

from knockd.replay.clock import MOST_NAMED, REORDERED, CaptureClock

SECOND = 1_000_000


def test_forward() -> None:
    """Time is what the stamps say."""
    clock = CaptureClock()
    assert [5, 7, 7] == [clock.advance(n, at) for n, at in enumerate((5, 7, 7))]
    assert (0, []) == (clock.reordered, clock.set_back)


def test_a_little_back() -> None:
    """A stamp a little earlier counts as the one before it, and the next ones as they are."""
    clock = CaptureClock()
    at = 10 * SECOND
    assert [at, at, at + 5] == [clock.advance(n, one) for n, one in enumerate((at, at - REORDERED, at + 5))]
    assert (1, []) == (clock.reordered, clock.set_back)


def test_set_back() -> None:
    """After a clock was set back time goes on from where it was."""
    clock = CaptureClock()
    clock.advance(1, 100 * SECOND)
    assert 100 * SECOND == clock.advance(2, 40 * SECOND)
    assert 103 * SECOND == clock.advance(3, 43 * SECOND)
    assert [(2, 60 * SECOND)] == clock.set_back


def test_set_back_often() -> None:
    """The first times are remembered, and all are counted."""
    clock = CaptureClock()
    for n in range(20):
        clock.advance(n, (100 - n * 4) * SECOND)
    assert (19, MOST_NAMED, 1) == (clock.times_set_back, len(clock.set_back), clock.set_back[0][0])


def test_stamp_of_a_time() -> None:
    """A time to come is told as the capture's clock will show it."""
    clock = CaptureClock()
    clock.advance(1, 100 * SECOND)
    clock.advance(2, 40 * SECOND)
    assert 50 * SECOND == clock.stamp_at(110 * SECOND)
