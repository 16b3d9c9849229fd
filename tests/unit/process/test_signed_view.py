"""Signed knocks in a view: as JSON and back, with each list of who may knock written once."""

from __future__ import annotations

import json
from ipaddress import ip_network

from knockd.knocks.signed_watch import SignedPort, SignedWatch
from knockd.process.signed_view import NONE_LIVE, pack_signed, unpack_signed
from knockd_conf.access import Access, make_networks
from tests.support.samples.signed_packets import live

HERE, THERE = (Access(make_networks([ip_network(text)])) for text in ("192.0.2.0/24", "2001:db8::/32"))
ADDRESSES = frozenset({bytes([10, 0, 0, 1]), b"\xfd" + bytes(14) + b"\1"})


def test_there_and_back() -> None:
    """What is packed is what is unpacked; who may knock has a number, and keeps the one that it had."""
    ports = SignedPort(1, ADDRESSES, THERE), SignedPort(2), SignedPort(3, access=HERE), SignedPort(3)
    signed = SignedWatch(ports, (live(7, 1, 2), live(8, 2), live(9)))
    accesses = {HERE: 0}
    packed = json.loads(json.dumps(pack_signed(signed, accesses)))
    assert accesses == {HERE: 0, THERE: 1}
    assert unpack_signed(packed, [*accesses]) == signed


def test_nothing_live() -> None:
    """Neither port nor minute takes no number."""
    accesses: dict[Access, int] = {}
    assert unpack_signed(pack_signed(NONE_LIVE, accesses), []) == NONE_LIVE
    assert accesses == {}
