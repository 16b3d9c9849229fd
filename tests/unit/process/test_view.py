"""Views: each is read as it was written, and the largest one goes over the link."""

from __future__ import annotations

import random
import socket
from dataclasses import fields, replace
from ipaddress import ip_network

import pytest

from knockd.knocks.guards import guards_of, with_guards
from knockd.knocks.signed_watch import SignedPort, SignedWatch
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch
from knockd.process.link import MAX_MESSAGE, pair
from knockd.process.view import View
from knockd_conf.access import Access, make_networks
from knockd_conf.model import MAX_STEPS, FlagRule, GuardPorts, Step
from knockd_conf.protocol import Protocol
from tests.support.lab.tools import lacking
from tests.support.samples.signed_packets import live

OURS, OURS6 = bytes([10, 0, 0, 1]), b"\xfd" + bytes(14) + b"\1"

FULL = Watch(
    *(2, (Step(7000),), FlagRule(2, 16), frozenset({OURS6}), 1.5, 60.0),
    once=True,
    serial=3,
    guards=(Step(6996), Step(6997), Step(6998), Step(6998), Step(7001, Protocol.UDP)),
    opens=False,
    ignore_time=90.0,
    key=2,
    access=Access(make_networks([ip_network("192.0.2.0/24")]), make_networks([ip_network("2001:db8::/32")])),
)
SIGNED = SignedWatch(
    (
        SignedPort(47_811),
        SignedPort(47_812, frozenset({OURS, OURS6})),
        SignedPort(47_812, access=FULL.access),
    ),
    (live(7, 1, 2), live(8, 1), live(9)),
)
VIEWS = {
    "empty": View(),
    "addresses": View({"eth0": frozenset({OURS, OURS6}), "ppp0": frozenset()}),
    "watches": View(watches=(Watch(7, (Step(1), Step(65_535, Protocol.UDP))), FULL)),
    "no watches": View(watches=()),
    "long run": View(watches=(Watch(0, (Step(9),), guards=tuple(map(Step, range(10, 610)))),)),
    "figures": View(figures=True),
    "signed knocks": View(signed=SIGNED),
    "signed knocks beside watches": View(watches=(FULL,), signed=SIGNED),
    "no signed knocks": View(signed=SignedWatch((), ())),
    "odd name": View({'eth"\\0\udcff': frozenset({OURS})}),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_view_there_and_back(view: View) -> None:
    """A view is read as it was written."""
    assert View.decode(view.encode()) == view


def test_views_in_a_row() -> None:
    """A view changes what it says, and leaves the rest; what was asked for once is not asked for again."""
    first = View({"eth0": frozenset({OURS})}, (FULL,), frozenset({OURS}), begin=True, signed=SIGNED)
    for changed in (
        View({"eth1": frozenset({OURS6})}),
        View(watches=()),
        View(own=frozenset()),
        View(signed=SignedWatch((), ())),
    ):
        after = first.followed_by(replace(changed, figures=True))
        for one in ("addresses", "watches", "own", "signed"):
            said = getattr(changed, one) not in (None, {})
            assert getattr(after, one) == getattr(changed if said else first, one)
        assert not after.begin
        assert not after.figures


def test_largest_view() -> None:
    """1,000 doors of 32 steps, each with all its guards, and 1,024 keys go over the link in one message."""
    every = [Step(port, protocol) for port in range(65_536) for protocol in Protocol]
    chosen = random.Random(1).sample(every, 1_000 * MAX_STEPS)
    bare = [Watch(at, tuple(chosen[at * MAX_STEPS : (at + 1) * MAX_STEPS])) for at in range(1_000)]
    watches = with_guards(bare, guards_of(bare, [GuardPorts()] * len(bare), Taken()))
    keys = range(1_024)
    signed = SignedWatch((SignedPort(47_811),), tuple(live(minute, *keys) for minute in range(4)))
    view = View({"eth0": frozenset({OURS6})}, watches, signed=signed)
    ours, theirs = pair()
    with ours, theirs:
        if ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < MAX_MESSAGE:
            lacking("net.core.wmem_max is too small for it, and more needs CAP_NET_ADMIN")
        ours.send(view.encode())
        assert View.decode(theirs.recv(MAX_MESSAGE)) == view


def test_every_field_of_a_watch_is_sent() -> None:
    """The sample has no field with its default, so none can be forgotten."""
    assert [] == [one.name for one in fields(FULL) if getattr(FULL, one.name) == one.default]


def test_who_may_knock_is_sent_once() -> None:
    """However many doors a long Allow is for, its networks are in the view once, and are shared there."""
    allowed = Access(make_networks(ip_network(number << 12).supernet(new_prefix=24) for number in range(500)))
    watches = tuple(Watch(at, (Step(at + 1),), access=allowed) for at in range(1_000))
    encoded = View(watches=watches).encode()
    assert len(encoded) < MAX_MESSAGE // 4
    there = View.decode(encoded).watches
    assert there == watches
    assert 1 == len({id(watch.access) for watch in there or ()})
