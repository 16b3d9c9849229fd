"""Programs are made to fit, by wider terms that still accept all that was wanted."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.fit import SMALLEST_LIMIT, Addresses, fit_term
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.layout import COOKED, ETHERNET, RAW, Layout
from knockd_bpf.payload import PayloadRule
from knockd_bpf.program import assemble_term
from knockd_bpf.terms import Group, Term
from knockd_bpf.wire import TCP, UDP
from knockd_conf.access import Access, Network, collapse_networks
from knockd_conf.model import FlagRule
from tests.support.oracles.kernel import loads

OURS4 = bytes([192, 0, 2, 1])
OURS = frozenset({OURS4, bytes(15) + b"\1"})
SYN, FIN = FlagRule(2, 0), FlagRule(1, 0)


def ranges(*ports: int | tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Ports and ranges of ports, as ranges."""
    return tuple((one, one) if isinstance(one, int) else one for one in ports)


def scattered(
    number: int, steps: int, protocol: int = TCP, flags: FlagRule | None = SYN
) -> list[WatchedPorts]:
    """Doors of random ports."""
    draw = random.Random(number)
    return [
        WatchedPorts(frozenset((protocol, draw.randrange(65_536)) for _ in range(steps)), flags, frozenset())
        for _ in range(number)
    ]


def targets(number: int) -> list[WatchedPorts]:
    """Doors that each look at a host of their own."""
    draw = random.Random(number)
    return [
        WatchedPorts(
            frozenset((TCP, draw.randrange(65_536)) for _ in range(2)),
            SYN,
            frozenset({draw.randbytes(4), draw.randbytes(16)}),
        )
        for _ in range(number)
    ]


def contained(inner: Term, outer: Term) -> Iterator[bool]:
    """For each range of each group of ``inner``: whether a group of ``outer`` has all of it."""
    for group in inner.groups:
        for low, high in group.ranges:
            yield any(
                wide.protocol == group.protocol
                and wide.flags == group.flags
                and (wide.destinations is None or group.destinations <= wide.destinations)
                and any(first <= low and high <= last for first, last in wide.ranges)
                for wide in outer.groups
                if group.destinations is not None
            )


def test_what_fits_is_left_alone() -> None:
    """A term that fits is compiled as it is."""
    term = build_term(scattered(10, 3), OURS)
    fitted = fit_term(term, ETHERNET)
    assert (assemble_term(term, ETHERNET), term, 0.0, Addresses.EXACT) == (
        fitted.program,
        fitted.term,
        fitted.widened,
        fitted.addresses,
    )


@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
def test_a_thousand_doors_of_32_steps(layout: Layout) -> None:
    """32,000 random ports fit, with all that was wanted, less than all ports, and the kernel's consent."""
    term = build_term(scattered(1000, 32), OURS)
    fitted = fit_term(term, layout)
    assert len(fitted.program) <= MAX_INSTRUCTIONS
    assert all(contained(term, fitted.term))
    assert 0 < fitted.widened < 0.6
    assert Addresses.EXACT is fitted.addresses
    assert loads(fitted.program)


@pytest.mark.parametrize("limit", [4096, 2500, 1245, 600, 200, SMALLEST_LIMIT])
def test_limits(limit: int) -> None:
    """Whatever the limit, the program keeps to it and uses most of it."""
    term = build_term([*scattered(500, 3), *scattered(400, 3, UDP, None)], OURS)
    fitted = fit_term(term, ETHERNET, limit)
    assert 0.8 * limit < len(fitted.program) <= limit
    assert all(contained(term, fitted.term))


def test_nearest_ranges_go_first() -> None:
    """The ranges with the smallest gap between them are merged before others."""
    far = ranges(*range(100, 60_000, 1000))
    near = ranges(60_100, 60_102, 60_104, 60_106)
    term = Term((Group(TCP, SYN, far + near, OURS),), ipv6=True)
    fitted = fit_term(term, ETHERNET, len(assemble_term(term, ETHERNET)) - 1)
    assert 0 < fitted.widened * 65_536 <= 3


def test_widened_is_the_share_of_all_ports() -> None:
    """Ports that pass without being wanted are counted once, whichever protocol lets them pass."""
    groups = tuple(Group(protocol, None, ranges(*range(0, 400, 2)), None) for protocol in (TCP, UDP))
    fitted = fit_term(Term(groups, ipv6=True), ETHERNET, SMALLEST_LIMIT)
    unwanted = {
        port
        for group in fitted.term.groups
        for low, high in group.ranges
        for port in range(low, high + 1)
        if port % 2 or port >= 400
    }
    assert len(unwanted) / 65_536 == fitted.widened


def test_merging_keeps_flag_rules_apart_where_it_can() -> None:
    """Ranges of one rule are merged before ranges of different rules."""
    one = ranges(*range(1000, 1400, 4))
    other = ranges(*range(40_000, 40_400, 4))
    term = Term((Group(TCP, FIN, one, OURS), Group(TCP, SYN, other, OURS)), ipv6=True)
    fitted = fit_term(term, ETHERNET, 200)
    assert [group.flags for group in fitted.term.groups] == [FIN, SYN]
    assert all(high < 40_000 for _, high in fitted.term.groups[0].ranges)


def test_a_merge_costs_what_it_lets_in() -> None:
    """Ranges of two rules that touch are dearer than a few unwanted ports between ranges of one rule."""
    touching = (Group(TCP, FIN, ranges((1000, 1099)), OURS), Group(TCP, SYN, ranges((1100, 1199)), OURS))
    apart = Group(UDP, None, ranges(*range(2000, 2400, 4)), OURS)
    fitted = fit_term(Term((*touching, apart), ipv6=True), ETHERNET, 200)
    assert touching == fitted.term.groups[:2]
    assert fitted.widened > 0


def test_merged_ranges_want_what_both_wanted() -> None:
    """Where ranges of different rules must become one, it takes the packets of both."""
    watches = [*scattered(60, 3, flags=SYN), *scattered(61, 3, flags=FIN)]
    term = build_term(watches, OURS)
    fitted = fit_term(term, ETHERNET, 150)
    assert all(contained(term, fitted.term))


def test_many_targets_are_pooled() -> None:
    """Where every port has an address of its own and that is too much, all ports share all addresses."""
    term = build_term(targets(60), OURS)
    fitted = fit_term(term, ETHERNET, 1000)
    assert Addresses.POOLED is fitted.addresses
    assert all(contained(term, fitted.term))


def test_too_many_targets_are_dropped() -> None:
    """Where even that is too much, there is no address part."""
    term = build_term(targets(400), OURS)
    fitted = fit_term(term, ETHERNET, 2500)
    assert Addresses.DROPPED is fitted.addresses
    assert {None} == {group.destinations for group in fitted.term.groups}
    assert all(contained(term, fitted.term))


def test_the_worst_term_in_the_smallest_limit() -> None:
    """Every flag rule at once, both protocols, many addresses: still a program."""
    draw = random.Random(5)
    rules = [FlagRule(must, draw.randrange(64) & ~must) for must in range(64)]
    watches = [
        WatchedPorts(
            frozenset((protocol, draw.randrange(65_536)) for protocol in (TCP, UDP)),
            rule,
            frozenset({draw.randbytes(4), draw.randbytes(16)}),
        )
        for rule in rules
    ]
    for layout in (ETHERNET, RAW, COOKED):
        assert len(fit_term(build_term(watches, OURS), layout, SMALLEST_LIMIT).program) <= SMALLEST_LIMIT


def test_too_small_a_limit() -> None:
    """A limit in which nothing fits for certain is refused."""
    with pytest.raises(ValueError, match="expected at least 128 instructions, got 127"):
        fit_term(Term((), ipv6=True), ETHERNET, 127)


def networks(number: int) -> tuple[Network, ...]:
    """Networks all over, of both IP versions."""
    draw = random.Random(number)
    four = [Network(4, 0xFFFFFF00, draw.getrandbits(24) << 8) for _ in range(number)]
    six = [Network(16, (1 << 128) - (1 << 80), draw.getrandbits(48) << 80) for _ in range(number)]
    return collapse_networks(four + six)


@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
@pytest.mark.parametrize("limit", [SMALLEST_LIMIT, 300, 1_280, MAX_INSTRUCTIONS])
@pytest.mark.parametrize("number", [1, 5, 64, 500])
def test_networks_take_a_part_of_the_room(number: int, limit: int, layout: Layout) -> None:
    """Whatever the networks, a quarter of the room is enough for them, and all of them still pass."""
    access = Access(networks(number), networks(3)[:2])
    watches = [one._replace(access=access) for one in scattered(40, 3)]
    fitted = fit_term(build_term(watches, OURS), layout, limit)
    plain = fit_term(build_term(scattered(40, 3), OURS), layout, limit)
    assert len(fitted.program) <= limit
    if plain.addresses is Addresses.EXACT and not plain.widened and not fitted.widened:
        assert len(fitted.program) - len(plain.program) <= limit // 4 + 2 * limit // 90
    draw = random.Random(number)
    for network in draw.sample(access.allow, min(20, len(access.allow))):
        source = draw.randrange(network.bits, network.last + 1).to_bytes(network.size, "big")
        if access.admits(source):
            assert fitted.term.versions()[4 if network.size == 4 else 6].takes(source)


def test_few_networks_are_kept_as_they_are() -> None:
    """Five networks of each version fit beside 40 doors, and the term is exact."""
    watches = [one._replace(access=Access(networks(5))) for one in scattered(40, 3)]
    term = build_term(watches, OURS)
    assert term == fit_term(term, ETHERNET).term


def test_the_worst_term_with_networks_in_the_smallest_limit() -> None:
    """Where nothing else helps who may knock is left to the daemon."""
    draw = random.Random(5)
    watches = [
        WatchedPorts(
            frozenset((protocol, draw.randrange(65_536)) for protocol in (TCP, UDP)),
            FlagRule(must, draw.randrange(64) & ~must),
            frozenset({draw.randbytes(4), draw.randbytes(16)}),
            Access(networks(64)),
        )
        for must in range(64)
    ]
    for layout in (ETHERNET, RAW, COOKED):
        assert len(fit_term(build_term(watches, OURS), layout, SMALLEST_LIMIT).program) <= SMALLEST_LIMIT


RULE = PayloadRule(124, (1, 2, 3))
SIGNED = WatchedPorts(frozenset({(UDP, 47_811)}), None, frozenset(), payload=RULE)


def open_at(term: Term, port: int) -> bool:
    """Whether UDP packets to a port pass whatever their payload is."""
    return any(one.protocol == UDP and one.payload is None and one.covers(port) for one in term.groups)


@pytest.mark.parametrize("limit", [MAX_INSTRUCTIONS, 600, 200])
def test_a_payload_rule_is_kept(limit: int) -> None:
    """However many ranges have to be merged, of UDP too, the port with a rule is not among them."""
    watches = [*scattered(500, 3), *scattered(400, 3, UDP, None), SIGNED]
    fitted = fit_term(build_term(watches, OURS), ETHERNET, limit)
    assert len(fitted.program) <= limit
    assert not fitted.rule_lost
    assert not open_at(fitted.term, 47_811)
    assert any(one.payload == RULE and one.covers(47_811) for one in fitted.term.groups)


def test_a_rule_that_is_merged_away() -> None:
    """Where ranges of UDP must become one, the rule among them goes too, and that is said."""
    rule = PayloadRule(124, tuple(range(60)))
    ports = frozenset((UDP, port) for port in range(1, 60_000, 300))
    watches = [SIGNED._replace(payload=rule), SIGNED._replace(ports=ports, payload=None)]
    fitted = fit_term(build_term(watches, OURS), ETHERNET, SMALLEST_LIMIT)
    assert open_at(fitted.term, 47_811)
    assert fitted.rule_lost


def test_ports_with_one_rule_are_merged_for_nothing() -> None:
    """Of many ports with one rule those between them get it too, which lets next to nothing pass."""
    ports = frozenset((UDP, port) for port in range(1_000, 9_000, 7))
    fitted = fit_term(build_term([SIGNED._replace(ports=ports)], OURS), ETHERNET, 400)
    assert fitted.widened == 0
    assert {RULE} == {one.payload for one in fitted.term.groups}


def test_a_rule_that_is_lost_counts() -> None:
    """Where no rule fits, its port passes with any payload, and is counted as one that should not."""
    rule = PayloadRule(124, tuple(range(500)))
    term = build_term([SIGNED._replace(payload=rule)], OURS)
    fitted = fit_term(term, ETHERNET, SMALLEST_LIMIT)
    assert open_at(fitted.term, 47_811)
    assert fitted.rule_lost
    assert fitted.widened == 1 / 65_536
    assert {None} == {one.payload for one in fitted.term.groups}


@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
def test_many_rules_in_the_smallest_limit(layout: Layout) -> None:
    """Every port with a rule and an address of its own, beside doors: still a program."""
    draw = random.Random(7)
    watches = [
        WatchedPorts(
            frozenset({(UDP, draw.randrange(65_536))}),
            None,
            frozenset({draw.randbytes(4), draw.randbytes(16)}),
            payload=PayloadRule(draw.randrange(4, 99), tuple(sorted(draw.getrandbits(32) for _ in range(3)))),
        )
        for _ in range(60)
    ]
    term = build_term([*watches, *scattered(60, 3)], OURS)
    for limit in (SMALLEST_LIMIT, 400, 1_245):
        assert len(fit_term(term, layout, limit).program) <= limit
