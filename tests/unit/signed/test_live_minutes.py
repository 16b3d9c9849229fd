"""Which minutes are live, derived, over, or of before the start."""

from __future__ import annotations

import pytest

from knockd.signed.live_minutes import (
    LONGEST,
    SLACK,
    find_derived,
    find_left,
    find_live,
    find_unused,
    is_over,
    minute_of,
)


@pytest.mark.parametrize("now", [600.0, 630.0, 659.999])
def test_within_a_minute(now: float) -> None:
    """All moments of a minute have the same live minutes."""
    assert minute_of(now) == 10
    assert list(find_live(now)) == [9, 10, 11]
    assert list(find_derived(now)) == [9, 10, 11, 12]
    assert find_left(now) == 660 - now


def test_epoch() -> None:
    """Before it there is no minute."""
    assert list(find_live(0.0)) == [0, 1]
    assert list(find_derived(0.0)) == [0, 1, 2]


def test_next_minute_is_at_hand() -> None:
    """What is live after a boundary was derived before it."""
    assert set(find_live(660.0)) <= set(find_derived(659.9))


@pytest.mark.parametrize(
    ("floor", "first"), [(0.0, 0), (600.0, 11), (600.1, 12), (630.0, 12), (659.9, 12), (660.0, 12)]
)
def test_before_the_start(floor: float, first: int) -> None:
    """The first minute that no packet can have counted of was not live at any moment before."""
    assert find_unused(floor) == first
    if floor:
        assert first not in find_live(floor - 0.001)
        assert first - 1 in find_live(floor - 0.001)


def test_over() -> None:
    """What was used is kept as long as a clock may say that its minute is live."""
    assert 10 in find_live(719.999)
    assert not is_over(10, 720.0 + SLACK - 0.001)
    assert is_over(10, 720.0 + SLACK)
    assert LONGEST == 720.0 + SLACK - 540.0
