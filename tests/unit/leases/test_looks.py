"""When connections are looked for, and what a look changes."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from knockd.leases.journal import State
from knockd.leases.looks import (
    PATIENCE,
    apply_look,
    ask_once,
    first_look,
    is_watched,
    limit_of,
    log_end,
    log_held,
    period_of,
)
from knockd.leases.values import Lease, Log
from knockd_conf.services import parse_services
from tests.support.doubles.playbook import DOOR, knock

IDLE = replace(DOOR, close_when_idle=30.0, service=parse_services("22/tcp"), open_max=3_600.0)
WHO = {"ip": "192.0.2.1", "door": IDLE.name}


def lease(**values: Any) -> Lease:
    """A lease that opened at 1,000 and closes at 1,010."""
    given = {"state": State.OPEN, "opened": 1_000.0, "due": 1_010.0, "deadline": 1_010.0, **values}
    return Lease("a", knock(given.pop("at", IDLE)).knock, **given)


@pytest.mark.parametrize(
    ("idle", "expected"), [(1.0, 1.0), (3.0, 1.0), (6.0, 2.0), (30.0, 10.0), (3_600.0, 10.0)]
)
def test_period(idle: float, expected: float) -> None:
    """Looks are a third of Close_When_Idle apart, at least one second and at most ten."""
    assert expected == period_of(idle)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"at": DOOR}, False),
        ({"opened": 0.0}, False),
        ({"closing": True}, False),
        ({"state": State.STARTING}, False),
        ({"state": State.RETRYING}, False),
    ],
)
def test_watched(values: dict[str, Any], expected: bool) -> None:
    """Connections keep a lease open that is open, since a time that is known, at a door that says so."""
    assert expected is is_watched(lease(**values))
    assert (inf if not expected else 980.0) == first_look(lease(**values))


def test_one_second() -> None:
    """A door that closes after a second is watched, too."""
    assert is_watched(lease(at=replace(IDLE, close_when_idle=1.0)))


def test_limit() -> None:
    """Open_Max counts from the opening."""
    assert 4_600.0 == limit_of(lease())


def test_a_lease_is_asked_once() -> None:
    """A lease whose time is over stays for a look, for so long at most, and only once."""
    assert {"asked": True, "deadline": 1_011.0 + PATIENCE, "look_at": 1_011.0} == ask_once(lease(), 1_011.0)
    assert ask_once(lease(asked=True), 1_011.0) is None
    assert ask_once(lease(at=DOOR), 1_011.0) is None


def test_at_its_limit_a_lease_is_not_asked() -> None:
    """Open_Max is not waited beyond, not even for a look."""
    almost = ask_once(lease(), 4_599.0)
    assert almost is not None
    assert 4_600.0 == almost["deadline"]
    assert ask_once(lease(), 4_600.0) is None


def test_in_use() -> None:
    """A connection gives Close_When_Idle from the next look on: until then nobody notices its end."""
    after = apply_look(lease(asked=True), 1_010.0, in_use=True, failed=False)
    assert {
        "due": 1_050.0,
        "deadline": 1_050.0,
        "in_use": True,
        "held": True,
        "asked": False,
        "look_at": 1_020.0,
    } == after


@pytest.mark.parametrize(
    ("now", "due", "expected"),
    [(1_005.0, 5_000.0, 5_000.0), (4_590.0, 4_595.0, 4_600.0), (4_700.0, 4_650.0, 4_650.0)],
    ids=["never earlier", "to Open_Max", "not beyond"],
)
def test_bounds(now: float, due: float, expected: float) -> None:
    """A look takes no time away, and gives none beyond Open_Max."""
    after = apply_look(lease(due=due, deadline=due), now, in_use=True, failed=False)
    assert expected == after["due"]
    assert (expected > due) is after["held"]


def test_not_in_use() -> None:
    """A look that sees nobody changes no time; the time of a lease that was asked for is what it was."""
    after = apply_look(lease(in_use=True, asked=True, deadline=1_020.0), 1_012.0, in_use=False, failed=False)
    assert not after["in_use"]
    assert 1_010.0 == after["deadline"]
    assert not after["asked"]


def test_a_look_that_failed() -> None:
    """It says nothing of who is connected; a lease that stayed for it is over."""
    after = apply_look(lease(in_use=True), 1_005.0, in_use=False, failed=True)
    assert after["in_use"]
    assert 1_010.0 == after["due"]
    trial = lease(asked=True, due=1_040.0)
    assert 1_012.0 == apply_look(trial, 1_012.0, in_use=False, failed=True)["due"]


def test_logs() -> None:
    """The log hears of a lease that is held, and why it closes after all."""
    assert Log("held-open", {**WHO, "seconds": 30.0}) == log_held(lease())
    assert [] == log_end(lease(), 1_010.0)
    assert [Log("left", {**WHO, "seconds": 30.0})] == log_end(lease(held=True), 1_100.0)
    used = lease(held=True, in_use=True)
    assert [Log("open-max", {**WHO, "seconds": 3_600.0})] == log_end(used, 4_600.0)
    assert [] == log_end(used, 1_100.0)
