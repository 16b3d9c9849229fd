"""Which frames are accounted for, and why some count nowhere."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockd.explanation.accounts import DUPLICATE, FILTERED, NO_IPV6, Listener, Sighting
from knockd.knocks.refusals import Cause
from knockd.knocks.verdicts import Kind
from knockd_bpf.wire import DLT_EN10MB
from tests.support.doubles.listened import HERE, Listened, frame
from tests.support.doubles.played import BOB, LOCAL, OURS, door, watched
from tests.support.samples.headers import framed, ipv4, ipv6, tcp

DOOR = door("1 2 3", "ssh", seq_timeout=10.0)
VLAN_100 = struct.pack("!HH", 0x8100, 100)


def kinds(listened: Listened) -> list[Kind]:
    """The verdicts so far."""
    return [verdict.kind for account in listened.accounts for verdict in account.verdicts]


def test_others() -> None:
    """Packets of others are no matter; those of the source to ports of no door are counted."""
    listened = Listened(DOOR)
    listened.sight(frame("1", source=BOB), 0.0)
    listened.hear("22 22 53u")
    assert [] == listened.accounts
    assert 3 == listened.listener.packets
    assert {"22:tcp": 2, "53:udp": 1} == listened.listener.other_ports


def test_times() -> None:
    """Seconds count from the first packet that has to do with a door."""
    listened = Listened(DOOR)
    listened.sight(frame("22"), 1.0)
    listened.sight(frame("1"), 2.0)
    listened.sight(frame("2"), 3.5)
    assert [0.0, 1.5] == [account.since for account in listened.accounts]


def test_refused() -> None:
    """A tagged packet to a step is accounted for with the reason, and changes nothing."""
    listened = Listened(DOOR)
    listened.sight(frame("1", tag=VLAN_100), 0.0)
    listened.sight(frame("22", tag=VLAN_100), 0.0)
    (account,) = listened.accounts
    assert (Cause.VLAN.value, 1) == (account.cause, account.port)
    assert {"22:tcp": 1} == listened.listener.other_ports


def test_protocols() -> None:
    """What is neither TCP nor UDP has to do with no door."""
    listened = Listened(DOOR)
    listened.sight(framed(DLT_EN10MB, ipv4(b"", 1)), 0.0)
    assert {"protocol 1": 1} == listened.listener.other_ports


def test_fragment() -> None:
    """A later fragment may have to do with a door."""
    listened = Listened(DOOR)
    listened.sight(framed(DLT_EN10MB, ipv4(tcp(1), fragment=3)), 0.0)
    assert [(Cause.FRAGMENT.value, None)] == [(one.cause, one.port) for one in listened.accounts]


def test_seen_twice() -> None:
    """What another interface has seen counts once."""
    listened = Listened(DOOR)
    listened.hear("1 2")
    listened.sight(frame("3"), 1.0, seen_at="eth1")
    assert DUPLICATE == listened.accounts[-1].cause
    assert "the same packet as at eth1: it counts once" == listened.accounts[-1].why
    assert Kind.OPENS not in kinds(listened)


def test_own_source() -> None:
    """A packet with an address of this host as source counts nowhere but at the loopback."""
    listener = Listener(OURS, watched(DOOR))
    sighting = Sighting(DLT_EN10MB, frame("1", source=OURS), 0, 0.0, passes=True)
    account = listener.hear(sighting, HERE)
    assert account is not None
    assert (Cause.SOURCE.value, ()) == (account.cause, account.verdicts)
    at_loopback = listener.hear(sighting, HERE._replace(own=None))
    assert at_loopback is not None
    assert [Kind.BEGINS] == [verdict.kind for verdict in at_loopback.verdicts]


def test_filtered() -> None:
    """What the filter drops changes nothing; a wrong address is the reason, where it is."""
    target = bytes((10, 0, 0, 7))
    listened = Listened(replace(DOOR, target=(ip_address(target),)))
    listened.sight(frame("1"), 0.0, passes=False)
    listened.sight(frame("1", destination=target), 0.0, passes=False)
    listened.sight(frame("2", destination=target), 0.0)
    assert ["", FILTERED, ""] == [account.cause for account in listened.accounts]
    assert [Kind.ELSEWHERE, Kind.UNBEGUN] == kinds(listened)


def test_without_ipv6() -> None:
    """Where knockd does not listen to IPv6 that is the reason."""
    listener = Listener(ip_address("2001:db8::1").packed, watched(DOOR), ipv6=False)
    sighting = Sighting(DLT_EN10MB, framed(DLT_EN10MB, ipv6(tcp(1))), 0, 0.0, passes=False)
    account = listener.hear(sighting, HERE._replace(local=LOCAL | {ip_address("fd00::1").packed}))
    assert account is not None
    assert NO_IPV6 == account.cause


@pytest.mark.parametrize(("number", "expected"), [(0, Kind.USED_UP), (1, Kind.NEXT)])
def test_used_by_another(number: int, expected: Kind) -> None:
    """When another source has opened, a sequence that can be used once is used up."""
    (watch,) = watched(DOOR)
    listened = Listened(DOOR, watches=(replace(watch, once=True),))
    listened.hear("1")
    listened.listener.use_up(number)
    listened.hear("2")
    assert expected is kinds(listened)[-1]
