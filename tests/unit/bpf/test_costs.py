"""What the filter costs for packets that are no knock stays within its bounds, however many doors."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest

from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.costs import Costs, costs
from knockd_bpf.fit import Fitted, fit_term
from knockd_bpf.layout import COOKED, ETHERNET, RAW, Layout
from knockd_bpf.payload import PayloadRule
from knockd_bpf.port_map import fill_gaps, lay_ports
from knockd_bpf.terms import Group, Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import TCP, UDP
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule
from tests.support.samples.headers import ipv4, ipv6, tcp

OURS = frozenset({bytes([192, 0, 2, 1]), bytes(15) + b"\1", b"\xfe\x80" + bytes(13) + b"\1"})
SYN = FlagRule(2, 0)


def doors(number: int, seed: int = 1) -> list[WatchedPorts]:
    """Doors of three random ports with both neighbours of each as guards."""
    draw = random.Random(seed)
    steps = [[draw.randrange(1, 65_535) for _ in range(3)] for _ in range(number)]
    return [
        WatchedPorts(
            frozenset((TCP, one) for port in ports for one in (port - 1, port, port + 1)), SYN, frozenset()
        )
        for ports in steps
    ]


def mixed(number: int) -> list[WatchedPorts]:
    """The same doors with UDP ones, several flag rules and a target among them."""
    rules = (SYN, FlagRule(2, 0x10), FlagRule(1, 0))
    plain = [WatchedPorts(one.ports, rules[at % 3], frozenset()) for at, one in enumerate(doors(number))]
    udp = frozenset((UDP, port) for watch in doors(number // 2, 2) for _, port in watch.ports)
    target = frozenset({bytes([198, 51, 100, 7])})
    return [*plain, WatchedPorts(udp, None, frozenset()), WatchedPorts(doors(1, 3)[0].ports, SYN, target)]


def of(watches: list[WatchedPorts], layout: Layout = ETHERNET) -> Costs:
    """The costs of doors on a link."""
    fitted = fit_term(build_term(watches, OURS), layout)
    return costs(fitted.program, fitted.term, layout)


@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
@pytest.mark.parametrize("number", [1, 2, 10, 50, 200, 1000])
def test_bounds(number: int, layout: Layout) -> None:
    """At most 10 (IPv6: 9) instructions for data, 12 + 2 log2(ranges) for a SYN to a port of no door."""
    found = of(doors(number), layout)
    assert found.data_ipv4 is not None
    assert found.data_ipv6 is not None
    assert found.syn_ipv4 is not None
    assert found.syn_ipv6 is not None
    assert found.data_ipv4 <= 10
    assert found.data_ipv6 <= 9
    assert max(found.syn_ipv4, found.syn_ipv6) <= found.syn_bound


@pytest.mark.parametrize("number", [2, 10, 50, 200, 1000])
def test_bounds_of_mixed_doors(number: int) -> None:
    """UDP doors, several flag rules and a target cost at most four instructions more."""
    found = of(mixed(number))
    assert found.data_ipv4 is not None
    assert found.data_ipv6 is not None
    assert found.syn_ipv4 is not None
    assert found.syn_ipv6 is not None
    assert found.data_ipv4 <= 14
    assert found.data_ipv6 <= 13
    assert max(found.syn_ipv4, found.syn_ipv6) <= found.syn_bound + 4


def dearest(term: Term, fitted: Fitted, address: bytes) -> int:
    """What a SYN to ``address`` and a port that nobody wants costs at most, in a widened range or not.

    One port stands for each segment of the fitted term: all ports of a segment take one way.
    """
    asked = {port for group in term.groups for low, high in group.ranges for port in range(low, high + 1)}
    firsts = [first for first, _ in fill_gaps(lay_ports(fitted.term)[TCP])] + [65_536]
    segments = (range(*both) for both in pairwise(firsts))
    unwanted = [next((port for port in segment if port not in asked), None) for segment in segments]
    build_packet = ipv6 if len(address) == 16 else ipv4
    where = str(ip_address(address))
    frames = (ETHERNET.wrap(build_packet(tcp(one), destination=where)) for one in unwanted if one is not None)
    return max(run_program(fitted.program.instructions, *frame).steps for frame in frames)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_widened_ranges_keep_the_bound(seed: int) -> None:
    """In a widened range a port of no door costs address comparisons too: 29 steps, and 33 of 33.9 in IPv6.

    The second of two IPv6 addresses takes one comparison more.
    """
    term = build_term(doors(1000, seed), OURS)
    fitted = fit_term(term, ETHERNET)
    assert fitted.widened > 0
    ipv6_first, ours4, ipv6_second = (dearest(term, fitted, address) for address in sorted(OURS))
    assert (29, 33, 34) == (ours4, ipv6_first, ipv6_second)
    assert ipv6_first <= costs(fitted.program, fitted.term, ETHERNET).syn_bound


def test_ethernet_in_numbers() -> None:
    """One door of one port: eight instructions for data, ten for a SYN to another port."""
    watches = [WatchedPorts(frozenset({(TCP, 7000)}), SYN, frozenset())]
    assert Costs(data_ipv4=8, data_ipv6=8, syn_ipv4=10, syn_ipv6=10, ranges=1) == of(watches)


def test_without_a_flag_rule_data_costs_what_a_syn_costs() -> None:
    """Where a door takes any flags, data packets go through the ports too."""
    found = of([WatchedPorts(frozenset({(TCP, 7000)}), None, frozenset())])
    assert (found.syn_ipv4, found.syn_ipv6) == (found.data_ipv4, found.data_ipv6)


def test_every_port_wanted() -> None:
    """Where every port is wanted the costs are None: no packet is to a port of no door."""
    term = Term((Group(TCP, SYN, ((0, 65_535),), OURS),), ipv6=True)
    found = costs(fit_term(term, ETHERNET).program, term, ETHERNET)
    assert Costs(None, None, None, None, 1) == found


@pytest.mark.parametrize(("ranges", "bound"), [(0, 12), (1, 12), (8, 18), (1024, 32)])
def test_syn_bound(ranges: int, bound: float) -> None:
    """The bound grows by two for each doubling of the ranges."""
    assert bound == Costs(None, None, None, None, ranges).syn_bound


FRIENDS = Access(make_networks(map(ip_network, ("203.0.113.0/24", "2001:db8::/32"))))


@pytest.mark.parametrize("number", [1, 50, 1000])
def test_who_may_knock_costs_data_nothing(number: int) -> None:
    """With Allow data cost what they cost without, and a SYN three instructions more (IPv6: two)."""
    plain = fit_term(build_term(doors(number), OURS), ETHERNET)
    without = costs(plain.program, plain.term, ETHERNET)
    fitted = fit_term(build_term([one._replace(access=FRIENDS) for one in doors(number)], OURS), ETHERNET)
    found = costs(fitted.program, plain.term._replace(four=fitted.term.four, six=fitted.term.six), ETHERNET)
    assert (without.data_ipv4, without.data_ipv6) == (found.data_ipv4, found.data_ipv6)
    if not plain.widened:
        assert without.syn_ipv4 is not None
        assert without.syn_ipv6 is not None
        assert (without.syn_ipv4 + 3, without.syn_ipv6 + 2) == (found.syn_ipv4, found.syn_ipv6)


def test_a_strangers_syn_ends_before_the_ports() -> None:
    """With Allow a stranger's SYN costs 10 to 11 instructions however many doors there are."""
    for number in (1, 50, 1000):
        fitted = fit_term(build_term([one._replace(access=FRIENDS) for one in doors(number)], OURS), ETHERNET)
        for build, source in ((ipv4, "198.51.100.1"), (ipv4, "203.0.114.1"), (ipv6, "2001:db9::1")):
            frame = ETHERNET.wrap(build(tcp(7000), source=source))
            run = run_program(fitted.program.instructions, *frame)
            assert run.verdict == 0
            assert run.steps <= 11


SIGNED = WatchedPorts(
    frozenset({(UDP, 47_811)}), None, frozenset(), payload=PayloadRule(124, (0, 1, 0xDEADBEEF))
)


def test_a_forged_payload_alone() -> None:
    """Where nothing else is wanted, a packet of the right size with another word costs 16 instructions."""
    found = of([SIGNED])
    assert (16, 16) == (found.forged_ipv4, found.forged_ipv6)
    assert (5, 6) == (found.syn_ipv4, found.syn_ipv6)
    term = build_term([SIGNED], OURS, ipv6=False)
    found = costs(fit_term(term, ETHERNET).program, term, ETHERNET)
    assert (14, 3) == (found.forged_ipv4, found.forged_ipv6)


@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
@pytest.mark.parametrize("number", [1, 50, 1000])
def test_a_forged_payload_beside_doors(number: int, layout: Layout) -> None:
    """It costs eight instructions more than a packet to a port of no door, on raw links nine."""
    found = of([*doors(number), SIGNED], layout)
    assert found.forged_ipv4 is not None
    assert found.forged_ipv6 is not None
    assert max(found.forged_ipv4, found.forged_ipv6) <= 18 + (layout is RAW) * 2
    without = of(doors(number), layout)
    assert (without.forged_ipv4, without.forged_ipv6) == (None, None)
    assert (without.data_ipv4, without.syn_ipv4) == (found.data_ipv4, found.syn_ipv4)
