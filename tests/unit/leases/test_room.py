"""Room for leases: a bound, and a part of it that a flood cannot take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knockd.leases.journal import State
from knockd.leases.room import Room
from knockd.leases.values import Lease
from knockd_conf.model import Door
from tests.support.doubles.playbook import DOOR, knock

ANYBODY = replace(DOOR, name="anybody", steps=DOOR.steps[:1])
"""A door that a single packet opens."""


def lease(at: Door = DOOR, state: State = State.OPEN, source: str = "192.0.2.1") -> Lease:
    """A lease of a door."""
    return Lease("run.1", knock(at, source).knock, 0.0, state)


def room(count: int, at: Door = DOOR, state: State = State.OPEN) -> Room:
    """What is left beside so many leases of ANYBODY, or of as many doors, for sources everywhere."""
    made = Room()
    for number in range(count):
        its = at if at.name == "anybody" else replace(at, name=f"door {number}")
        made.add(lease(its, state, f"198.51.{number}.7"))
    return made


def test_bound() -> None:
    """There is room for as many leases as the bound says."""
    assert room(7).find_reason(knock(DOOR).knock, 8) is None
    assert room(8).find_reason(knock(DOOR).knock, 8) == "8 leases are open"


def test_a_flood_leaves_room_for_those_who_know() -> None:
    """Doors that a single packet opens take three quarters; the rest is for doors with a secret."""
    assert room(5, ANYBODY).find_reason(knock(ANYBODY).knock, 8) is None
    assert room(6, ANYBODY).find_reason(knock(ANYBODY).knock, 8) == "6 leases of doors with one step are open"
    assert room(6, ANYBODY).find_reason(knock(DOOR).knock, 8) is None


def test_a_one_time_file_is_a_secret() -> None:
    """A door whose steps are in a one-time file is not one that a single packet opens."""
    assert (
        room(6, ANYBODY).find_reason(knock(replace(ANYBODY, name="once", one_time_file="/codes")).knock, 8)
        is None
    )


@pytest.mark.parametrize("fields", [{"sequence_key": "/keys"}, {"signed_port": 47_811}])
def test_a_key_is_a_secret(fields: dict[str, Any]) -> None:
    """Neither is one that opens by keys alone: no flood at a door with one step keeps its owners out."""
    keyed = replace(DOOR, steps=(), **fields)
    assert room(6, ANYBODY).find_reason(knock(keyed).knock, 8) is None
    assert room(6, keyed).find_reason(knock(ANYBODY).knock, 8) is None


def test_a_step_beside_a_key() -> None:
    """Where a step opens the door as well, anybody can."""
    both = replace(ANYBODY, signed_port=47_811)
    assert room(6, ANYBODY).find_reason(knock(both).knock, 8) == "6 leases of doors with one step are open"


def test_one_key_leaves_room_for_others() -> None:
    """Whoever has a key opens for forged addresses, too: he takes three quarters, and keeps nobody out."""
    anne, bob = (knock(DOOR).knock._replace(by=f"key {name}") for name in ("anne", "bob"))
    made = Room()
    leases = [Lease(f"run.{number}", anne, 0.0, State.OPEN) for number in range(6)]
    for one in leases:
        made.add(one)
    assert made.find_reason(anne, 8) == "6 leases of its key are open"
    assert made.find_reason(bob, 8) is None
    assert made.find_reason(knock(DOOR).knock, 8) is None
    made.remove(leases[0])
    assert made.find_reason(anne, 8) is None


def test_one_door_leaves_room_for_others() -> None:
    """Who knows one door opens it for forged addresses: others open the other doors all the same."""
    made = Room()
    for number in range(6):
        made.add(lease(source=f"198.51.{number}.7"))
    other, anne = replace(DOOR, name="other"), knock().knock._replace(by="key anne")
    assert made.find_reason(anne, 8) is None
    assert made.find_reason(knock().knock, 8) == "6 leases of its door are open"
    assert made.find_reason(knock(replace(DOOR, occurrence=2)).knock, 8) is None
    assert made.find_reason(knock(other).knock, 8) is None
    made.remove(lease(source="198.51.1.7"))
    assert made.find_reason(knock().knock, 8) is None


@pytest.mark.parametrize(
    ("sources", "same", "other"),
    [
        ("198.51.100.{}", "198.51.100.99", "198.51.101.1"),
        ("2001:db8:0:1::{}", "2001:db8::1:ff:0:0:9", "2001:db8:0:2::1"),
    ],
)
def test_one_network_leaves_room_for_others(sources: str, same: str, other: str) -> None:
    """Whoever has a /24, or a /64 of IPv6, opens several doors for all of it, and keeps nobody else out."""
    made = Room()
    for number in range(6):
        made.add(lease(replace(DOOR, name=f"door {number}"), source=sources.format(number)))
    assert made.find_reason(knock(source=same).knock, 8) == "6 leases of its network are open"
    assert made.find_reason(knock(source=other).knock, 8) is None


def test_a_door_with_one_step_has_room_beside_others() -> None:
    """Leases of other doors are not held against those with one step."""
    assert room(6).find_reason(knock(ANYBODY).knock, 8) is None


def test_failed_takes_nobody_s_place() -> None:
    """Leases whose stop command failed for good are not counted."""
    assert room(9, state=State.FAILED).find_reason(knock(DOOR).knock, 8) is None


def test_what_is_gone_leaves_room() -> None:
    """What is counted no more leaves room, and a lease that changes is counted as what it is then."""
    made = room(8, ANYBODY)
    for _ in range(8):
        made.remove(lease(ANYBODY))
    assert made.find_reason(knock(ANYBODY).knock, 1) is None
    one = lease()
    made.add(one)
    assert made.count({State.OPEN, State.FAILED}) == 1
    made.remove(one)
    one.state = State.FAILED
    made.add(one)
    assert made.count({State.OPEN}) == 0
    assert made.count({State.FAILED}) == 1
