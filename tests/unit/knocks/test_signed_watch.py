"""What the packet process knows of signed knocks, and what the filter lets through for it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch, signed_ports_of
from knockd_bpf.payload import PayloadRule
from knockd_conf.access import Access, make_networks
from knockd_conf.model import Door
from knockd_conf.signed_sizes import SIZE


def test_ports_of_the_filter() -> None:
    """Each port wants a payload that begins with the tag of a live minute; without minutes nothing is."""
    minutes = tuple(SignedMinute(at, bytes(32), bytes((0, 0, 0, at))) for at in (3, 2))
    watch = SignedWatch((SignedPort(47811),), minutes)
    (ports,) = watch.watched_ports()
    assert ports.ports == frozenset({(17, 47811)})
    assert ports.payload == PayloadRule(SIZE, (2, 3))
    assert () == watch._replace(minutes=()).watched_ports()


def door(name: str, **fields: Any) -> Door:
    """A door that only signed knocks could open."""
    return Door(name, "/etc/knockd.conf", 1, (), **fields)


def test_ports_of_doors() -> None:
    """Doors share a port where target and access are the same, too; a door without one has none."""
    target, access = ip_address("192.0.2.7"), Access(make_networks([ip_network("10.0.0.0/8")]))
    doors = [
        door("one", signed_port=47811),
        door("two", signed_port=47811),
        door("none"),
        door("off", signed_port=0),
        door("routed", signed_port=47811, target=(target,)),
        door("friends", signed_port=47811, access=access),
        door("other", signed_port=47812),
    ]
    expected = (
        SignedPort(47811),
        SignedPort(47811, frozenset({target.packed})),
        SignedPort(47811, access=access),
        SignedPort(47812),
    )
    assert expected == signed_ports_of(doors)
