"""Doors become groups: alike in protocol, flags and destinations, they share one."""

from __future__ import annotations

from ipaddress import ip_address

from knockd_bpf.build import Watch, build, watch
from knockd_bpf.terms import Group, Term
from knockd_bpf.wire import TCP, UDP
from knockd_conf.model import Door, FlagRule, Protocol, Step

OURS4, OURS6 = b"\x0a\0\0\1", bytes(15) + b"\1"
OURS = frozenset({OURS4, OURS6})
ROUTED = frozenset({b"\xc6\x33\x64\x07"})
SYN = FlagRule(0x02, 0)
STEPS = (Step(7000), Step(2222, Protocol.UDP), Step(7000), Step(7001))


def door(flags: FlagRule | None = SYN, target: str | None = None) -> Door:
    """A door with STEPS."""
    targets = () if target is None else (ip_address(target),)
    return Door("door", "knockd.conf", 1, STEPS, flags=flags, target=targets)


def test_watch() -> None:
    """A door wants its ports, its flags and the packed addresses of its target."""
    ports = frozenset({(TCP, 7000), (TCP, 7001), (UDP, 2222)})
    assert Watch(ports, SYN, ROUTED) == watch(door(target="198.51.100.7"), STEPS)


def test_watch_guards() -> None:
    """Guard ports are wanted as steps are."""
    ports = frozenset({(TCP, 7000), (UDP, 2221)})
    assert Watch(ports, SYN, frozenset()) == watch(door(), STEPS[:1], [(UDP, 2221)])


def test_watch_live_steps() -> None:
    """The live sequence counts, not the one in the file."""
    assert frozenset({(TCP, 1)}) == watch(door(), [Step(1)]).ports


def test_one_group_for_doors_alike() -> None:
    """Two doors with one rule and the same destinations share a group and its merged ranges."""
    watches = [
        Watch(frozenset({(TCP, 7000)}), SYN, frozenset()),
        Watch(frozenset({(TCP, 7001)}), SYN, frozenset()),
    ]
    assert Term((Group(TCP, SYN, ((7000, 7001),), OURS),), ipv6=True) == build(watches, OURS)


def test_flags_do_not_concern_udp() -> None:
    """The UDP ports of a door with a flag rule have none."""
    groups = build([watch(door(), STEPS)], OURS).groups
    assert [(one.protocol, one.flags) for one in groups] == [(TCP, SYN), (UDP, None)]


def test_a_rule_that_asks_nothing_is_none() -> None:
    """A rule without bits is the same as no rule."""
    watches = [Watch(frozenset({(TCP, 7000)}), FlagRule(0, 0), frozenset())]
    assert [one.flags for one in build(watches, OURS).groups] == [None]


def test_target_instead_of_our_addresses() -> None:
    """A door with a target watches only that."""
    watches = [Watch(frozenset({(TCP, 7000)}), SYN, ROUTED)]
    assert [one.destinations for one in build(watches, OURS).groups] == [ROUTED]


def test_target_equal_to_our_addresses_shares_the_group() -> None:
    """A target that is just the interface's own addresses makes no group of its own."""
    watches = [
        Watch(frozenset({(TCP, 7000)}), SYN, OURS),
        Watch(frozenset({(TCP, 9000)}), SYN, frozenset()),
    ]
    assert len(build(watches, OURS).groups) == 1


def test_unknown_addresses() -> None:
    """With local addresses unknown, doors without a target take every address, others theirs."""
    watches = [
        Watch(frozenset({(TCP, 7000)}), SYN, frozenset()),
        Watch(frozenset({(TCP, 7000)}), SYN, ROUTED),
    ]
    assert [one.destinations for one in build(watches, None).groups] == [None, ROUTED]


def test_no_addresses() -> None:
    """An interface without addresses wants nothing for doors without a target."""
    watches = [Watch(frozenset({(TCP, 7000)}), SYN, frozenset())]
    assert Term((), ipv6=True) == build(watches, frozenset())


def test_only_ipv4() -> None:
    """With IPv6 off, IPv6 addresses are left out and a door that has only such leaves no trace."""
    watches = [
        Watch(frozenset({(TCP, 7000)}), SYN, frozenset()),
        Watch(frozenset({(TCP, 8000)}), SYN, frozenset({OURS6})),
    ]
    expected = Term((Group(TCP, SYN, ((7000, 7000),), frozenset({OURS4})),), ipv6=False)
    assert expected == build(watches, OURS, ipv6=False)


def test_a_door_without_steps() -> None:
    """A door with no live step wants nothing."""
    assert Term((), ipv6=True) == build([Watch(frozenset(), SYN, frozenset())], OURS)
