"""Watched ports become groups: alike in protocol, flags and destinations, they share one."""

from __future__ import annotations

from ipaddress import ip_network

from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.payload import PayloadRule
from knockd_bpf.sources import EVERYBODY, Sources
from knockd_bpf.terms import Group, Term
from knockd_bpf.wire import TCP, UDP
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule

OURS4, OURS6 = b"\x0a\0\0\1", bytes(15) + b"\1"
OURS = frozenset({OURS4, OURS6})
ROUTED = frozenset({b"\xc6\x33\x64\x07"})
SYN = FlagRule(0x02, 0)


def test_one_group_for_doors_alike() -> None:
    """Two doors with one rule and the same destinations share a group and its merged ranges."""
    watches = [
        WatchedPorts(frozenset({(TCP, 7000)}), SYN, frozenset()),
        WatchedPorts(frozenset({(TCP, 7001)}), SYN, frozenset()),
    ]
    assert Term((Group(TCP, SYN, ((7000, 7001),), OURS),), ipv6=True) == build_term(watches, OURS)


def test_flags_do_not_concern_udp() -> None:
    """The UDP ports of a door with a flag rule have none."""
    groups = build_term([WatchedPorts(frozenset({(TCP, 7000), (UDP, 2222)}), SYN, frozenset())], OURS).groups
    assert [(one.protocol, one.flags) for one in groups] == [(TCP, SYN), (UDP, None)]


def test_a_rule_that_asks_nothing_is_none() -> None:
    """A rule without bits is the same as no rule."""
    watches = [WatchedPorts(frozenset({(TCP, 7000)}), FlagRule(0, 0), frozenset())]
    assert [one.flags for one in build_term(watches, OURS).groups] == [None]


def test_target_instead_of_our_addresses() -> None:
    """A door with a target watches only that."""
    watches = [WatchedPorts(frozenset({(TCP, 7000)}), SYN, ROUTED)]
    assert [one.destinations for one in build_term(watches, OURS).groups] == [ROUTED]


def test_target_equal_to_our_addresses_shares_the_group() -> None:
    """A target that is just the interface's own addresses makes no group of its own."""
    watches = [
        WatchedPorts(frozenset({(TCP, 7000)}), SYN, OURS),
        WatchedPorts(frozenset({(TCP, 9000)}), SYN, frozenset()),
    ]
    assert len(build_term(watches, OURS).groups) == 1


def test_unknown_addresses() -> None:
    """With local addresses unknown, doors without a target take every address, others theirs."""
    watches = [
        WatchedPorts(frozenset({(TCP, 7000)}), SYN, frozenset()),
        WatchedPorts(frozenset({(TCP, 7000)}), SYN, ROUTED),
    ]
    assert [one.destinations for one in build_term(watches, None).groups] == [None, ROUTED]


def test_no_addresses() -> None:
    """An interface without addresses wants nothing for doors without a target."""
    watches = [WatchedPorts(frozenset({(TCP, 7000)}), SYN, frozenset())]
    assert Term((), ipv6=True) == build_term(watches, frozenset())


def test_only_ipv4() -> None:
    """With IPv6 off, IPv6 addresses are left out and a door that has only such leaves no trace."""
    watches = [
        WatchedPorts(frozenset({(TCP, 7000)}), SYN, frozenset()),
        WatchedPorts(frozenset({(TCP, 8000)}), SYN, frozenset({OURS6})),
    ]
    expected = Term((Group(TCP, SYN, ((7000, 7000),), frozenset({OURS4})),), ipv6=False)
    assert expected == build_term(watches, OURS, ipv6=False)


def test_a_door_without_steps() -> None:
    """A door with no live step wants nothing."""
    assert Term((), ipv6=True) == build_term([WatchedPorts(frozenset(), SYN, frozenset())], OURS)


def friends(*networks: str) -> Access:
    """Access for a few networks."""
    return Access(make_networks(map(ip_network, networks)))


def a_watch(port: int, access: Access | None, target: frozenset[bytes] = frozenset()) -> WatchedPorts:
    """A door of one port."""
    return WatchedPorts(frozenset({(TCP, port)}), SYN, target, access)


def test_who_may_knock() -> None:
    """A term is for whom any of its doors is; an IP version for nobody has no address in it."""
    term = build_term([a_watch(1, friends("10.0.0.0/8")), a_watch(2, friends("11.0.0.0/8"))], OURS)
    assert Sources(friends("10.0.0.0/7").allow) == term.four
    assert {4: term.four} == term.versions()
    assert [frozenset({OURS4})] == [one.destinations for one in term.groups]


def test_a_door_for_everybody_lets_everybody_pass() -> None:
    """One door without an Allow is enough, and it counts only where it listens."""
    both = build_term([a_watch(1, friends("10.0.0.0/8")), a_watch(2, None)], OURS)
    assert {4: EVERYBODY, 6: EVERYBODY} == both.versions()
    six = build_term([a_watch(1, friends("10.0.0.0/8")), a_watch(2, None, frozenset({OURS6}))], OURS)
    assert {4: Sources(friends("10.0.0.0/8").allow), 6: EVERYBODY} == six.versions()
    assert {frozenset({OURS4, OURS6}), frozenset({OURS6})} == {one.destinations for one in six.groups}


def test_who_may_knock_where_the_addresses_are_not_known() -> None:
    """Without addresses the term says by itself which IP version is for nobody."""
    term = build_term([a_watch(1, friends("10.0.0.0/8"))], None)
    assert [None] == [one.destinations for one in term.groups]
    assert frozenset() == term.destinations(6)
    assert term.destinations(4) is None


def test_doors_that_watch_nothing_count_for_nobody() -> None:
    """A door without ports, or without an address here, does not open the filter for everybody."""
    nowhere = WatchedPorts(frozenset(), SYN, frozenset())
    term = build_term([a_watch(1, friends("10.0.0.0/8")), nowhere, a_watch(2, None, ROUTED)], OURS)
    assert EVERYBODY == term.four
    term = build_term([a_watch(1, friends("10.0.0.0/8")), nowhere], OURS)
    assert Sources(friends("10.0.0.0/8").allow) == term.four


def test_nobody_at_all() -> None:
    """Where Deny covers Allow nothing is wanted."""
    shut = Access(friends("10.0.0.0/8").allow, friends("10.0.0.0/8").allow)
    term = build_term([a_watch(1, shut)], OURS)
    assert () == term.groups
    assert {} == term.versions()


def test_a_payload_rule() -> None:
    """UDP ports with a rule for the payload have a group of their own; the rule does not concern TCP."""
    rule = PayloadRule(124, (1, 2, 3))
    watches = [
        WatchedPorts(frozenset({(TCP, 1), (UDP, 1)}), None, frozenset(), payload=rule),
        WatchedPorts(frozenset({(UDP, 2)}), None, frozenset()),
        WatchedPorts(frozenset({(UDP, 3)}), None, frozenset(), payload=rule),
    ]
    expected = (
        Group(TCP, None, ((1, 1),), OURS),
        Group(UDP, None, ((2, 2),), OURS),
        Group(UDP, None, ((1, 1), (3, 3)), OURS, rule),
    )
    assert expected == build_term(watches, OURS).groups
