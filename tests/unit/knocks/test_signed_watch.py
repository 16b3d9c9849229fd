"""What the packet process knows of signed knocks, and what the filter lets through for it."""

from __future__ import annotations

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd_bpf.payload import PayloadRule
from knockd_conf.signed_sizes import SIZE


def test_ports_of_the_filter() -> None:
    """Each port wants a payload that begins with the tag of a live minute; without minutes nothing is."""
    minutes = tuple(SignedMinute(at, bytes(32), bytes((0, 0, 0, at))) for at in (3, 2))
    watch = SignedWatch((SignedPort(47811),), minutes)
    (ports,) = watch.watched_ports()
    assert ports.ports == frozenset({(17, 47811)})
    assert ports.payload == PayloadRule(SIZE, (2, 3))
    assert () == watch._replace(minutes=()).watched_ports()
