"""Groups and terms judge packets, and ports merge into ranges."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from knockd_bpf.payload import PayloadRule
from knockd_bpf.sources import NOBODY, Sources
from knockd_bpf.terms import (
    Group,
    Term,
    Want,
    merge_ports,
    merge_ranges,
    of_version,
    sort_groups,
    sort_wants,
    unite_destinations,
)
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.access import make_networks
from knockd_conf.model import FlagRule

OURS4, OURS6, OTHER4 = b"\x0a\0\0\1", bytes(15) + b"\1", b"\x0a\0\0\2"
OTHER6 = bytes(15) + b"\2"
SYN = FlagRule(0x02, 0)
GROUP = Group(TCP, SYN, ((7000, 7002), (8000, 8000)), frozenset({OURS4, OURS6}))
TERM = Term((GROUP,), ipv6=True)


def packet(destination: bytes = OURS4, protocol: int = TCP, port: int = 7000, flags: int = 0x02) -> Packet:
    """A knock that TERM wants, but for what is given."""
    return Packet(OTHER4, destination, protocol, port, flags)


@pytest.mark.parametrize("port", [7000, 7001, 7002, 8000])
def test_wanted_ports(port: int) -> None:
    """Every port of every range is wanted, bounds included."""
    assert TERM.accepts(packet(port=port))


@pytest.mark.parametrize(
    "other",
    [
        packet(port=6999),
        packet(port=7003),
        packet(port=0),
        packet(port=65_535),
        packet(protocol=UDP),
        packet(flags=0x10),
        packet(destination=OTHER4),
        packet(destination=bytes(16)),
    ],
)
def test_unwanted_packets(other: Packet) -> None:
    """A packet that differs in port, protocol, flags or destination is not accepted."""
    assert not TERM.accepts(other)


def test_both_versions() -> None:
    """One group wants both IPv4 and IPv6."""
    assert TERM.accepts(packet(destination=OURS6))


def test_no_ipv6() -> None:
    """With IPv6 off the same address is not accepted, extension headers or not."""
    term = Term((GROUP,), ipv6=False)
    verdicts = [term.accepts(packet(destination=OURS6), extended=one) for one in (False, True)]
    assert verdicts == [False, False]


def test_no_address_part() -> None:
    """Destinations None take every address of both versions."""
    term = Term((Group(TCP, SYN, ((7000, 7000),), None),), ipv6=True)
    assert term.accepts(packet(destination=OTHER4))
    assert term.accepts(packet(destination=bytes(16)))


def test_extension_headers_pass_by_destination() -> None:
    """With extension headers nothing counts but the destination."""
    assert TERM.accepts(packet(destination=OURS6, protocol=UDP, port=1, flags=0), extended=True)


def test_extension_headers_to_others() -> None:
    """With extension headers a packet to another address is not accepted."""
    assert not TERM.accepts(packet(destination=bytes(16)), extended=True)


def test_extended_speaks_of_ipv6_only() -> None:
    """IPv4 has no extension headers: the word changes nothing there."""
    assert not TERM.accepts(packet(port=1), extended=True)


@pytest.mark.parametrize(
    ("ports", "ranges"),
    [
        ([], ()),
        ([7000], ((7000, 7000),)),
        ([7002, 7000, 7001], ((7000, 7002),)),
        ([7000, 7002], ((7000, 7000), (7002, 7002))),
        ([0, 1, 65_534, 65_535], ((0, 1), (65_534, 65_535))),
        ([0], ((0, 0),)),
    ],
)
def test_merge_ports(ports: list[int], ranges: tuple[tuple[int, int], ...]) -> None:
    """Neighbouring ports become one range; port 0 is a port."""
    assert ranges == merge_ports(ports)


def test_merge_ranges() -> None:
    """Ranges that touch, overlap or lie in one another become one."""
    ranges = [(20, 29), (1, 5), (6, 8), (22, 25), (28, 40)]
    assert merge_ranges(ranges) == ((1, 8), (20, 40))


def test_unite_with_everything() -> None:
    """Every address and some addresses are every address."""
    assert unite_destinations([frozenset({OURS4}), None]) is None


def test_unite_nothing() -> None:
    """No set at all has no address."""
    assert frozenset() == unite_destinations([])


def test_of_version() -> None:
    """IPv4 and IPv6 addresses differ in their length."""
    both = frozenset({OURS4, OURS6})
    assert (frozenset({OURS4}), frozenset({OURS6})) == (of_version(both, 4), of_version(both, 6))


def test_destinations_of_one_protocol() -> None:
    """A protocol that no group has takes no address."""
    assert frozenset() == TERM.destinations(4, UDP)


def test_arrange() -> None:
    """TCP comes before UDP, no rule before a rule, no addresses before addresses."""
    rule = PayloadRule(124, (1,))
    ranges = ((1, 1),)
    wanted = (
        Group(TCP, None, ranges, None),
        Group(TCP, None, ranges, frozenset({OURS4})),
        Group(TCP, SYN, ranges, None),
        Group(TCP, SYN, ranges, frozenset({OURS4})),
        Group(UDP, None, ranges, None),
        Group(UDP, None, ranges, frozenset({OURS4})),
        Group(UDP, None, ranges, None, rule),
        Group(UDP, None, ranges, frozenset({OURS4}), rule),
    )
    assert wanted == sort_groups(reversed(wanted))


def test_sources() -> None:
    """A packet passes when its source may knock at all, and only in its own IP version."""
    friends = Sources(make_networks([ip_network("10.0.0.0/30")]))
    term, knock = TERM._replace(four=friends, six=NOBODY), packet()
    assert term.accepts(knock)
    assert not term.accepts(knock._replace(source=b"\x0a\0\0\4"))
    assert not term.accepts(packet(OURS6)._replace(source=OURS6))
    assert frozenset() == term.destinations(6)
    assert {4: friends} == term.versions()
    assert {} == term._replace(four=NOBODY).versions()
    assert not term._replace(four=NOBODY).accepts(knock)


RULE = PayloadRule(6, (0x61626364,))
SIGNED = Term((Group(UDP, None, ((9, 9),), frozenset({OURS4, OURS6}), RULE),), ipv6=True)


@pytest.mark.parametrize(
    ("payload", "verdict"), [(b"abcdef", True), (b"abcdeg", True), (b"Abcdef", False), (b"abcde", False)]
)
def test_payload(payload: bytes, verdict: bool) -> None:
    """Where there is a rule for the payload, it decides; a packet without one does not pass."""
    knock = packet(protocol=UDP, port=9, flags=0)
    assert verdict is SIGNED.accepts(knock, payload=payload)
    assert not SIGNED.accepts(knock)
    assert not SIGNED.accepts(knock._replace(port=8), payload=b"abcdef")
    assert not SIGNED.accepts(knock._replace(destination=OTHER4), payload=b"abcdef")


def test_a_port_without_a_rule_beside_one() -> None:
    """A port that is wanted without the rule as well passes whatever the payload is."""
    plain = Group(UDP, None, ((9, 9),), frozenset({OURS4}))
    both = Term((plain, *SIGNED.groups), ipv6=True)
    assert both.accepts(packet(protocol=UDP, port=9, flags=0))
    assert not both.accepts(packet(OURS6, UDP, 9, 0))
    assert both.accepts(packet(OURS6, UDP, 9, 0), payload=b"abcdef")


def test_a_payload_rule_and_extension_headers() -> None:
    """A packet with extension headers passes for no payload rule's sake."""
    knock = packet(OURS6, UDP, 9, 0)
    assert not SIGNED.accepts(knock, extended=True, payload=b"abcdef")
    assert frozenset() == SIGNED.extended()
    beside = SIGNED._replace(groups=(*SIGNED.groups, GROUP._replace(destinations=frozenset({OTHER6}))))
    assert frozenset({OTHER6}) == beside.extended()
    assert not beside.accepts(knock, extended=True, payload=b"abcdef")
    assert beside.accepts(knock._replace(destination=OTHER6), extended=True)
    assert frozenset() == beside._replace(ipv6=False).extended()


def test_sort_wants() -> None:
    """The wants of a port are in the order of their groups."""
    wanted = [Want(None, None), Want(None, frozenset({OURS4})), Want(None, None, RULE), Want(SYN, None)]
    assert wanted == sort_wants(reversed(wanted))


def test_a_group_of_its_want() -> None:
    """A group is made of its want, and has it again."""
    for group in (GROUP, *SIGNED.groups):
        assert group == Group.of(group.protocol, group.want, group.ranges)
