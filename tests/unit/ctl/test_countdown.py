"""A status some seconds later."""

from __future__ import annotations

from knockd.ctl.countdown import pass_time
from knockd.ctl.reply import read_status
from tests.support.samples.fleets import store
from tests.support.samples.statuses import BUSY, attempt, door, lease, status


def test_time_passes() -> None:
    """What is left gets less, what is over more."""
    before = read_status(BUSY)
    after = pass_time(before, 2.0)
    assert after.leases[0].seconds_left == 5.0
    assert after.leases[0].seconds_open == 5.0
    assert after.attempts[0].seconds_left == 2.0
    assert after.seconds_up == before.seconds_up + 2.0
    assert after.config_age == before.config_age + 2.0
    assert pass_time(before, 0.0) == before


def test_fleet() -> None:
    """How long its store has been as it is gets more."""
    after = pass_time(read_status(status(fleet=store(seconds=5.0))), 2.0)
    assert after.fleet is not None
    assert after.fleet.seconds == 7.0


def test_sequences_of_keys() -> None:
    """One follows the other; where no clock says when, none does."""
    rotation = {"keys": ["anne"], "keys_total": 1, "period": 30.0, "seconds_left": 17.0}
    doors = [door("ssh", rotation=rotation), door("web", rotation={**rotation, "seconds_left": None})]
    before = read_status(status(doors=doors))
    for seconds, left in ((2.0, 15.0), (17.0, 30.0), (18.0, 29.0), (60.0, 17.0)):
        first, second = (one.rotation for one in pass_time(before, seconds).doors)
        assert first is not None
        assert second is not None
        assert (first.seconds_left, second.seconds_left) == (left, None)


def test_nothing_is_less_than_nothing() -> None:
    """Time that is over stays over, and what has no end gets none."""
    endless = lease("ssh", "203.0.113.7", seconds_open=None, seconds_left=None)
    reply = status(leases=[lease("ssh", "203.0.113.8"), endless], attempts=[attempt("203.0.113.9", "ssh", 1)])
    after = pass_time(read_status(reply), 60.0)
    assert after.leases[0].seconds_left == 0.0
    assert after.leases[1].seconds_left is None
    assert after.leases[1].seconds_open is None
    assert after.attempts[0].seconds_left == 0.0
