"""A lease as the control protocol has it."""

from __future__ import annotations

import pytest

from knockd.keeper.lease_rows import lease_row
from knockd.leases.journal import State
from knockd.leases.values import Lease
from tests.support.doubles.playbook import knock

KNOCK = knock().knock


def test_row() -> None:
    """A lease says whose it is, since when and for how long still, and by which knock."""
    assert lease_row(Lease("a.1", KNOCK, 1_010.0, State.OPEN, opened=990.0, due=1_010.0), 1_000.04) == {
        "id": "a.1",
        "door": "door",
        "occurrence": 0,
        "address": "192.0.2.1",
        "network": None,
        "state": "open",
        "unopened": False,
        "seconds_open": 10.0,
        "seconds_left": 10.0,
        "by": "knock at 10.0.0.1 on eth0",
        "destination": "10.0.0.1",
        "interface": "eth0",
        "failures": 0,
        "in_use": False,
    }


@pytest.mark.parametrize("state", list(State))
def test_times(state: State) -> None:
    """Time is left only of what waits for it; what never opened is open since no time."""
    row = lease_row(Lease("a.1", KNOCK, 1_010.0, state), 1_000.0)
    assert (row["seconds_left"] is not None) is (state in {State.OPEN, State.RETRYING})
    assert row["seconds_open"] is None


def test_in_use() -> None:
    """Of what stays open until it is looked for connections the time that is left is over."""
    lease = Lease("a.1", KNOCK, 1_010.0, State.OPEN, opened=990.0, due=1_000.0, asked=True, in_use=True)
    row = lease_row(lease, 1_001.0)
    assert row["seconds_left"] == 0.0
    assert row["in_use"] is True


def test_by_hand() -> None:
    """What was opened otherwise says how."""
    assert lease_row(Lease("a.1", KNOCK._replace(by="by hand, root"), 0.0), 0.0)["by"] == "by hand, root"
