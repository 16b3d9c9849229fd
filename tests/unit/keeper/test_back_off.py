"""Pauses that become longer."""

from __future__ import annotations

from knockd.keeper.back_off import STEADY, BackOff
from knockd.keeper.worker_events import Disarm, Wait


def test_pauses() -> None:
    """Each failure makes the pause longer; the last one repeats."""
    back_off = BackOff(Wait.REOPEN, (1.0, 2.0))
    assert [back_off.begin().seconds for _ in range(4)] == [1.0, 2.0, 2.0, 2.0]


def test_forgive() -> None:
    """After more than a minute of health the first pause comes again."""
    back_off = BackOff(Wait.REOPEN, (1.0, 2.0))
    back_off.begin()
    back_off.forgive(STEADY + 0.1)
    assert back_off.begin().seconds == 1.0


def test_not_steady() -> None:
    """A minute is not enough."""
    back_off = BackOff(Wait.REOPEN, (1.0, 2.0))
    back_off.begin()
    back_off.forgive(STEADY)
    assert back_off.begin().seconds == 2.0


def test_cancel() -> None:
    """A pause that is under way is ended, once."""
    back_off = BackOff(Wait.REOPEN, (1.0, 2.0))
    back_off.begin()
    assert back_off.pausing
    assert list(back_off.cancel()) == [Disarm(Wait.REOPEN)]
    assert not back_off.pausing
    assert list(back_off.cancel()) == []
