"""Which periods open, and what a whole knock with any other comes to."""

from __future__ import annotations

import pytest

from knockd.sequences.live_periods import (
    Fate,
    Verdict,
    find_burnt,
    find_derived,
    find_end,
    find_period,
    find_recognised,
    judge_knock,
)

LENGTH = 30
NOW = 3_010.0
"""Ten seconds into period 100."""


def test_period() -> None:
    """A period begins at a multiple of its length."""
    assert (99, 100, 100) == tuple(find_period(at, LENGTH) for at in (2_999.9, 3_000.0, 3_029.9))


def test_derived() -> None:
    """Sequences are at hand for all that is watched, now and after the next boundary."""
    assert range(97, 105) == find_derived(NOW, LENGTH)


def test_derived_at_the_epoch() -> None:
    """A host without a battery begins at the epoch: no period is before that, and some is always at hand."""
    assert range(6) == find_derived(45.0, LENGTH)
    assert range(1) == find_derived(-900.0, LENGTH)


@pytest.mark.parametrize(
    ("period", "verdict"),
    [
        (97, Verdict(Fate.BEHIND, 85.0)),
        (98, Verdict(Fate.BEHIND, 55.0)),
        (99, Verdict(Fate.GRANTED)),
        (100, Verdict(Fate.GRANTED)),
        (101, Verdict(Fate.GRANTED)),
        (102, Verdict(Fate.AHEAD, 65.0)),
        (103, Verdict(Fate.AHEAD, 95.0)),
    ],
)
def test_nothing_is_used(period: int, verdict: Verdict) -> None:
    """The period of now and those beside it open; of others the knocker's clock is told, by their middle."""
    assert verdict == judge_knock(period, NOW, LENGTH, 0.0)


@pytest.mark.parametrize(
    ("used", "period", "verdict"),
    [
        (99, 99, Verdict(Fate.USED, 0.0)),
        (99, 100, Verdict(Fate.GRANTED)),
        (100, 99, Verdict(Fate.USED, 20.0)),
        (100, 100, Verdict(Fate.USED, 20.0)),
        (100, 101, Verdict(Fate.GRANTED)),
        (101, 101, Verdict(Fate.USED, 50.0)),
        (101, 98, Verdict(Fate.BEHIND, 55.0)),
    ],
)
def test_used(used: int, period: int, verdict: Verdict) -> None:
    """A used period takes all before it along, and says when the next one that opens begins."""
    assert verdict == judge_knock(period, NOW, LENGTH, find_end(used, LENGTH))


def test_used_between_boundaries() -> None:
    """What began before a moment is used; the period that begins next is not."""
    assert Verdict(Fate.USED, 20.0) == judge_knock(100, NOW, LENGTH, 3_000.5)
    assert Verdict(Fate.GRANTED) == judge_knock(101, NOW, LENGTH, 3_000.5)


def test_last_used_period() -> None:
    """The last period that begins before a time: a time on a boundary leaves that one out."""
    assert (99, 100, 100) == tuple(find_burnt(at, LENGTH) for at in (3_000.0, 3_000.5, 3_030.0))


def test_another_length() -> None:
    """What was used under one length of periods is used under another."""
    until = find_end(100, 30)
    assert Fate.USED is judge_knock(302, NOW, 10, until).fate
    assert Fate.GRANTED is judge_knock(303, 3_025.0, 10, until).fate


@pytest.mark.parametrize(
    ("now", "expected"),
    [(-100.0, range(1)), (12.0, range(4)), (95.0, range(7)), (305.0, range(7, 14))],
)
def test_recognised(now: float, expected: range) -> None:
    """Three periods on each side are recognised, none of them before the epoch."""
    assert expected == find_recognised(now, 30)
