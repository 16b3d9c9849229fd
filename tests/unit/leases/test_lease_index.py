"""Leases found by id, knocker and deadline."""

from __future__ import annotations

import pytest

from knockd.leases.journal import State
from knockd.leases.lease_index import LeaseIndex
from knockd.leases.values import Lease
from tests.support.doubles.playbook import knock

ALICE, BOB = knock().knock, knock(source="192.0.2.2").knock


@pytest.fixture
def index() -> LeaseIndex:
    """An index with a lease of each of two knockers, both without a deadline."""
    made = LeaseIndex()
    for id_, who in (("a", ALICE), ("b", BOB)):
        made.add(Lease(id_, who, 0.0))
    return made


def test_find(index: LeaseIndex) -> None:
    """A lease is found by its id and its knocker, and all come in the order in which they were added."""
    alice, bob = index.all()
    assert (index.get("a"), index.find(BOB.key)) == (alice, bob)
    assert (index.get("c"), index.find(("other", 0, ALICE.source))) == (None, None)
    assert (len(index), "a" in index, "c" in index) == (2, True, False)


def test_of_two_leases_one_is_the_knockers(index: LeaseIndex) -> None:
    """The last one that was added is found, unless another one is chosen; the other's end changes nothing."""
    first, second = index.get("a"), Lease("c", ALICE, 0.0)
    assert first is not None
    index.add(second)
    assert index.find(ALICE.key) is second
    index.choose(first)
    index.remove(second)
    assert index.find(ALICE.key) is first
    index.remove(first)
    assert index.find(ALICE.key) is None
    assert [one.id for one in index.all()] == ["b"]


def test_counts_follow_changes(index: LeaseIndex) -> None:
    """A change of state is counted, and an end."""
    alice, bob = index.all()
    index.change(alice, state=State.FAILED)
    index.change(bob, unopened=True)
    assert (index.room.count({State.FAILED}), index.room.unopened) == (1, 1)
    index.remove(alice)
    index.remove(bob)
    assert (index.room.count(State), index.room.unopened) == (0, 0)


def test_looks(index: LeaseIndex) -> None:
    """Leases are looked at by the time that was set last, once each, and no more when they are gone."""
    alice, bob = index.all()
    assert index.next_look() is None
    index.change(alice, look_at=5.0)
    index.change(bob, look_at=3.0)
    index.change(alice, look_at=4.0)
    assert 3.0 == index.next_look()
    assert [] == index.take_looks(2.9)
    assert [bob, alice] == index.take_looks(5.0)
    assert index.next_look() is None
    index.change(bob, look_at=6.0)
    index.remove(bob)
    assert [] == index.take_looks(9.0)


def test_deadlines(index: LeaseIndex) -> None:
    """Leases that wait are due once each, the earliest first; those that do not wait never are."""
    alice, bob = index.all()
    assert index.next_deadline() is None
    index.change(alice, state=State.OPEN, deadline=7.0)
    index.change(bob, state=State.RETRYING, deadline=5.0)
    assert (index.next_deadline(), index.take_due(4.9)) == (5.0, None)
    assert [index.take_due(9.0) for _ in range(3)] == [bob, alice, None]


def test_a_deadline_that_has_changed(index: LeaseIndex) -> None:
    """A lease is due at its last deadline; one that is stopping or gone is due no more."""
    alice, bob = index.all()
    index.change(alice, state=State.OPEN, deadline=5.0)
    index.change(bob, state=State.OPEN, deadline=6.0)
    index.change(alice, failures=1)
    index.change(alice, state=State.OPEN, deadline=8.0)
    index.remove(bob)
    assert (index.take_due(7.0), index.next_deadline()) == (None, 8.0)
    index.change(alice, state=State.STOPPING, deadline=5.0)
    assert (index.take_due(9.0), index.next_deadline()) == (None, None)
