"""Of all that was found of a packet at the watches of one door, what is said."""

from __future__ import annotations

import pytest

from knockd.knocks.events import Expired, Guarded, Opened, Spoiled, Stage, Stale
from knockd.knocks.findings import Finding, Unheard, settle
from knockd.knocks.port_table import port_roles
from knockd_bpf.wire import TCP
from tests.support.doubles.played import ALICE, OURS, door, watched

ROLE = port_roles(watched(door("1 2"))[0], b"\0\0", 0.0)[TCP << 16 | 1]
OPENED, STALE, UNHEARD = Opened(0, ALICE, OURS, 4, 7), Stale(0, ALICE, 3), Unheard(ALICE + b"\0\0", ROLE)
EXPIRED, SPOILED, GUARDED = Expired(0, ALICE, 1), Spoiled(0, ALICE, 2), Guarded(0, ALICE, 1, 9)


@pytest.mark.parametrize("kind", [Stage, Spoiled, Expired], ids=str)
def test_one_of_a_kind(kind: type[Stage | Spoiled | Expired]) -> None:
    """Of several events of a kind that of the foremost attempt is said."""
    found = [kind(0, ALICE, stage) for stage in (1, 3, 2)]
    assert [kind(0, ALICE, 3)] == settle(found, right=False)


def test_order() -> None:
    """Whatever the watches' order, the kinds have theirs: what ended comes before what goes on."""
    found: list[Finding] = [STALE, Stage(0, ALICE, 2), SPOILED, UNHEARD, GUARDED, EXPIRED]
    assert [EXPIRED, GUARDED, UNHEARD, SPOILED, Stage(0, ALICE, 2), STALE] == settle(found, right=False)


def test_opening() -> None:
    """An opening is all that is said."""
    assert [OPENED] == settle([EXPIRED, STALE, GUARDED, OPENED, Stage(0, ALICE, 3)], right=True)


def test_first_of_two_openings() -> None:
    """A packet that would open by two watches opens once, by the first one."""
    assert [OPENED] == settle([OPENED, OPENED._replace(serial=9)], right=True)


def test_packet_that_is_right_somewhere() -> None:
    """It spoils and touches nothing that is worth a line, nor is it an ignored knock."""
    found: list[Finding] = [GUARDED, UNHEARD, SPOILED, Stage(0, ALICE, 2), EXPIRED]
    assert [EXPIRED, Stage(0, ALICE, 2)] == settle(found, right=True)


def test_nothing() -> None:
    """Where nothing was found nothing is said."""
    assert [] == settle([], right=True)
