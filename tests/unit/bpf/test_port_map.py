"""Groups laid over each other: which port wants what."""

from __future__ import annotations

from knockd_bpf.payload import PayloadRule
from knockd_bpf.port_map import NOTHING, PortRange, fill_gaps, gather_groups, is_open, lay_ports, wanted
from knockd_bpf.terms import Group, Term, Want
from knockd_bpf.wire import TCP, UDP
from knockd_conf.model import FlagRule

OURS, ROUTED = frozenset({b"\x0a\0\0\1"}), frozenset({b"\x0a\0\0\2"})
SYN = Want(FlagRule(2, 0), OURS)
ANY = Want(None, ROUTED)
SIGNED = Want(None, OURS, PayloadRule(124, (1, 2)))
ONE, OTHER, BOTH = frozenset({SYN}), frozenset({ANY}), frozenset({SYN, ANY})


def group(want: Want, *ranges: tuple[int, int], protocol: int = TCP) -> Group:
    """A group that wants ``want`` of ``ranges``."""
    return Group.of(protocol, want, ranges)


def term(*groups: Group) -> Term:
    """A term of groups."""
    return Term(groups, ipv6=True)


def test_overlap() -> None:
    """Where ranges overlap, a port wants what both want."""
    laid = lay_ports(term(group(SYN, (10, 20)), group(ANY, (15, 30))))
    assert [PortRange(10, 14, ONE), PortRange(15, 20, BOTH), PortRange(21, 30, OTHER)] == laid[TCP]


def test_inside() -> None:
    """A range inside another splits it."""
    laid = lay_ports(term(group(SYN, (10, 20)), group(ANY, (15, 15))))
    assert [PortRange(10, 14, ONE), PortRange(15, 15, BOTH), PortRange(16, 20, ONE)] == laid[TCP]


def test_all_ports() -> None:
    """Ranges may reach from the first port to the last."""
    laid = lay_ports(term(group(SYN, (0, 65_535)), group(ANY, (65_535, 65_535))))
    assert [PortRange(0, 65_534, ONE), PortRange(65_535, 65_535, BOTH)] == laid[TCP]


def test_one_group_twice() -> None:
    """Groups with one want are as one."""
    laid = lay_ports(term(group(SYN, (10, 12)), group(SYN, (13, 15), (11, 14))))
    assert [PortRange(10, 15, ONE)] == laid[TCP]


def test_protocols_apart() -> None:
    """TCP and UDP have ports of their own."""
    laid = lay_ports(term(group(SYN, (10, 12)), group(ANY, (10, 12), protocol=UDP)))
    assert {TCP: [PortRange(10, 12, ONE)], UDP: [PortRange(10, 12, OTHER)]} == laid


def test_fill() -> None:
    """Between and around the ranges lie gaps that want nothing."""
    ranges = [PortRange(10, 12, ONE), PortRange(13, 13, OTHER), PortRange(20, 65_535, ONE)]
    assert fill_gaps(ranges) == [(0, NOTHING), (10, ONE), (13, OTHER), (14, NOTHING), (20, ONE)]


def test_fill_nothing() -> None:
    """Without ranges all ports are one gap."""
    assert fill_gaps([]) == [(0, NOTHING)]


def test_gather() -> None:
    """Gathering what was laid gives the term again."""
    given = term(
        group(ANY, (15, 30)),
        group(SYN, (10, 20), (40, 40)),
        group(Want(None, OURS), (1, 1), protocol=UDP),
        group(SIGNED, (1, 1), (5, 6), protocol=UDP),
    )
    assert given.groups == gather_groups(lay_ports(given))


def test_wanted() -> None:
    """The wants of several ranges together."""
    assert wanted([PortRange(1, 1, ONE), PortRange(2, 2, OTHER), PortRange(3, 3, ONE)]) == BOTH


def test_open_ports() -> None:
    """A port is open where something of it passes whatever the payload is."""
    assert [False, False, True, True] == [
        is_open(frozenset(one)) for one in ((), (SIGNED,), (ANY,), (ANY, SIGNED))
    ]
