"""Questions to the leases: who has one, and how many count as what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.leases.journal import State
from knockd.leases.lease_index import LeaseIndex
from knockd.leases.questions import Questions
from knockd.leases.values import Lease
from knockd_conf.model import Reknock
from tests.support.doubles.playbook import DOOR, knock
from tests.support.samples.journals import record

ALICE, BOB, CAROL = (knock(source=f"192.0.2.{number}").knock for number in (1, 2, 3))


def ask(*leases: Lease) -> Questions:
    """Questions to these leases."""
    index = LeaseIndex()
    for one in leases:
        index.add(one)
    return Questions(index, "run")


def test_lease_of() -> None:
    """A knocker's lease is found by their knock."""
    alice, bob = Lease("a", ALICE, 5.0), Lease("b", BOB, 5.0)
    asked = ask(alice, bob)
    assert asked.lease_of(BOB) is bob
    assert asked.lease_of(CAROL) is None
    assert list(asked.all()) == [alice, bob]


def test_by_id() -> None:
    """A lease is found by its id; one is new that the table does not have and this run has not made."""
    alice = Lease("a", ALICE, 5.0)
    asked = ask(alice)
    assert asked.get("a") is alice
    assert asked.get("b") is None
    assert [asked.is_new(record(id=one)) for one in ("a", "b", "run.7")] == [False, True, False]
    assert asked.is_ours("run.7")
    assert not asked.is_ours("running")


def test_counts() -> None:
    """What was never opened does not count as open; what cannot be closed is counted."""
    asked = ask(
        Lease("a", ALICE, 5.0, State.OPEN),
        Lease("b", BOB, 5.0, State.OPEN, unopened=True),
        Lease("c", CAROL, 5.0, State.FAILED),
        Lease("d", CAROL, 5.0, State.RETRYING),
    )
    assert asked.count_opened() == 3
    assert asked.count_failed() == 1
    assert asked.count_retrying() == 1


@pytest.mark.parametrize(
    ("state", "unopened", "reknock", "expected"),
    [
        (State.OPEN, False, Reknock.RENEW, True),
        (State.OPEN, False, Reknock.EXTEND, False),
        (State.OPEN, True, Reknock.EXTEND, True),
        (State.OPEN, False, Reknock.REPEAT, False),
        (State.FAILED, False, Reknock.EXTEND, True),
        (State.STOPPING, False, Reknock.RENEW, False),
    ],
)
def test_closes_first(state: State, unopened: bool, reknock: Reknock, expected: bool) -> None:
    """A knock closes first what is open, unless it only gives more time or a command runs already."""
    again = knock(replace(DOOR, reknock=reknock)).knock
    assert ask(Lease("a", again, 5.0, state, unopened=unopened)).closes_first(again) is expected
    assert not ask().closes_first(again)
