"""Makes a program short enough for the kernel, by a wider term where the exact one is too long.

Wider, never narrower: everything that the given term accepts, the fitted one accepts too.

Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise
from typing import Final

from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.layout import Layout
from knockd_bpf.port_map import Laid, PortRange, gather_groups, is_open, lay_ports, wanted
from knockd_bpf.program import SNAPLEN, Program, assemble_ports
from knockd_bpf.sources import EVERYBODY, MOST_NETWORKS, NOBODY, Sources, narrow_sources
from knockd_bpf.terms import Term, Want, sort_groups, unite_destinations
from knockd_bpf.wire import TCP, UDP
from knockd_conf.classes import NamedTuple

PORTS: Final = 65_536

SMALLEST_LIMIT: Final = 128
"""Every term can be made to fit this many instructions."""

_SOURCES: Final = 4
"""One in so many instructions may test sources: where room is short, ports need it more."""

_PER_RANGE: Final = 2
"""Instructions that one more range costs: a test at each of its bounds."""

_COPIES: Final = 90
"""One in so many instructions is a repeated return or a long jump (measured: 1.0 to 1.1 percent)."""


class Addresses(Enum):
    """What became of the address part: kept, the same for all ports, or left out."""

    EXACT = "exact"
    POOLED = "pooled"
    DROPPED = "dropped"


class Fitted(NamedTuple):
    """A program that the kernel takes and the term it stands for.

    ``widened`` is the share (0 to 1) of all 65,536 ports that pass in some protocol, whatever the payload,
    without being wanted so; ``addresses`` says whether ports pass for addresses that did not ask for them,
    ``rule_lost`` whether a port passes whatever the payload that has a rule for it.
    """

    program: Program
    term: Term
    widened: float
    addresses: Addresses
    rule_lost: bool = False


def fit_term(term: Term, layout: Layout, limit: int = MAX_INSTRUCTIONS, *, snaplen: int = SNAPLEN) -> Fitted:
    """The program for ``term`` in at most ``limit`` instructions.

    Networks of sources take a part of the room at most, merged if need be. When the exact program is
    longer, the nearest port ranges are merged; where the addresses alone would
    take more than half of the room, all ports first share all addresses, then do without. Raises
    ValueError for a limit below SMALLEST_LIMIT.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"limit: expected at least {SMALLEST_LIMIT} instructions, got {limit}")
    laid = lay_ports(term)
    near = _narrow_sources(term, laid, layout, limit)
    if _at_least(laid) <= limit:
        program = assemble_ports(laid, layout, snaplen, near.versions())
        if len(program) <= limit:
            return Fitted(program, near, 0.0, Addresses.EXACT)
    for addresses, wide, wider in _candidates(near, laid):
        merged, versions = wider, wide.versions()
        fixed = _fixed(wider, layout, versions)
        tight = fixed + _PER_RANGE * sum(map(len, wider.values())) > limit
        if tight and fixed > limit // 2 and addresses is not Addresses.DROPPED:
            continue
        fewest = sum(bool(ranges) for ranges in wider.values())
        room = (limit - limit // _COPIES - fixed) // _PER_RANGE
        while True:
            room = max(room, fewest)
            merged = _merge(merged, room)
            program = assemble_ports(merged, layout, snaplen, versions)
            if len(program) <= limit:
                fitted = wide._replace(groups=gather_groups(merged))
                return Fitted(program, fitted, _widened(laid, merged), addresses, _is_rule_lost(laid, merged))
            if room == fewest:
                break
            # A little more than needed, so that the second try is the last but for unusual terms.
            room -= (len(program) - limit) // _PER_RANGE + limit // 512 + 1
    raise AssertionError(f"no program for this term has {limit} instructions")


def _at_least(laid: Laid) -> int:
    """A lower bound for the instructions: enough to see that a term is far too long.

    One test a boundary, but a single port between two equal neighbours may be settled by one test;
    and a load, a test and a jump at least for each set of addresses.
    """
    tests = 3 * len({want.destinations for ranges in laid.values() for want in wanted(ranges)})
    for ranges in laid.values():
        boundaries = len(ranges)
        boundaries += sum(low.high + 1 < high.low for low, high in pairwise(ranges))
        single = sum(one.low == one.high for one in ranges)
        tests += boundaries - min(single, boundaries // 3 + 1)
    return tests


def _narrow_sources(term: Term, laid: Laid, layout: Layout, limit: int) -> Term:
    """The term with as many networks of sources as take no more than a part of the room."""
    if {*term.versions().values()} <= {EVERYBODY}:
        return term
    protocols = [protocol for protocol, ranges in laid.items() if ranges]
    sample: Laid = {TCP: [], UDP: []} | {
        one: [PortRange(1, 1, frozenset({Want(None, None)}))] for one in protocols
    }
    plain = len(assemble_ports(sample, layout, 1, dict.fromkeys(term.versions(), EVERYBODY)))
    most = MOST_NETWORKS
    while most:
        near = term._replace(four=narrow_sources(term.four, most), six=narrow_sources(term.six, most))
        if len(assemble_ports(sample, layout, 1, near.versions())) - plain <= limit // _SOURCES:
            return near
        most //= 2
    return _without_sources(term)


def _without_sources(term: Term) -> Term:
    """The same term for everybody, in the versions in which anybody may knock."""
    four, six = (one if one == NOBODY else EVERYBODY for one in (term.four, term.six))
    return term._replace(four=four, six=six)


def _candidates(term: Term, laid: Laid) -> Iterator[tuple[Addresses, Term, Laid]]:
    """The term itself, and what it widens to when the addresses take too much room."""
    yield Addresses.EXACT, term, laid
    pooled = unite_destinations(group.destinations for group in term.groups)
    for addresses, destinations in ((Addresses.POOLED, pooled), (Addresses.DROPPED, None)):
        groups = (group._replace(destinations=destinations) for group in term.groups)
        wide = term._replace(groups=sort_groups(groups))
        yield addresses, wide, lay_ports(wide)
    wide = _without_sources(wide)
    yield Addresses.DROPPED, wide, lay_ports(wide)
    wide = wide._replace(groups=sort_groups(group._replace(payload=None) for group in wide.groups))
    yield Addresses.DROPPED, wide, lay_ports(wide)


def _fixed(laid: Laid, layout: Layout, versions: Mapping[int, Sources]) -> int:
    """Instructions besides those for ranges, measured with one port for each set of wants."""
    apart: Laid = {}
    for protocol, ranges in laid.items():
        wants = dict.fromkeys(one.wants for one in ranges)
        apart[protocol] = [PortRange(2 * at, 2 * at, one) for at, one in enumerate(wants)]
    number = sum(len(ranges) for ranges in apart.values())
    return len(assemble_ports(apart, layout, 1, versions)) - _PER_RANGE * number


def _merge(laid: Laid, room: int) -> Laid:
    """At most ``room`` ranges in all: what is merged first changes what passes on the fewest ports."""
    rows = {protocol: _Row(ranges) for protocol, ranges in laid.items()}
    heap = [(row.price(right), right, protocol) for protocol, row in rows.items() for right in row.rights()]
    heapq.heapify(heap)
    excess = sum(len(ranges) for ranges in laid.values()) - room
    while excess > 0 and heap:
        price, right, protocol = heapq.heappop(heap)
        row = rows[protocol]
        if row.price(right) == price:
            for changed in row.merge(right):
                heapq.heappush(heap, (row.price(changed), changed, protocol))
            excess -= 1
    return {protocol: row.ranges() for protocol, row in rows.items()}


class _Row:
    """The ranges of one protocol while neighbours are being merged.

    A pair of neighbours is named by the index of its right one; -1 is the price of a pair that is no more.
    """

    def __init__(self, ranges: list[PortRange]) -> None:
        self._ranges: list[PortRange | None] = list(ranges)
        self._left = list(range(-1, len(ranges)))
        self._right = list(range(1, len(ranges) + 1))

    def ranges(self) -> list[PortRange]:
        """What is left."""
        return [one for one in self._ranges if one is not None]

    def rights(self) -> range:
        """Every pair of neighbours there is at first."""
        return range(1, len(self._ranges))

    def price(self, right: int) -> int:
        """On how many ports more passes than before when this pair becomes one range.

        What a payload rule lets pass counts for nothing, where there is one; but that a port loses its rule
        for another's sake is dearer than anything: the rule is there to keep floods out.
        """
        high = self._ranges[right]
        low = self._ranges[self._left[right]]
        if low is None or high is None:
            return -1
        price = high.low - low.high - 1
        if low.wants == high.wants:
            return price if is_open(low.wants) else 0
        wants = low.wants | high.wants
        if not is_open(wants):
            return 0
        price += sum(one.high - one.low + 1 for one in (low, high) if one.wants != wants)
        price += sum(PORTS for one in (low, high) if not is_open(one.wants))
        return price

    def merge(self, right: int) -> list[int]:
        """Make a pair one range; returns the pairs whose price may have changed by that."""
        left = self._left[right]
        low, high = self._ranges[left], self._ranges[right]
        assert low is not None
        assert high is not None
        self._ranges[left] = PortRange(low.low, high.high, low.wants | high.wants)
        self._ranges[right] = None
        after = self._right[left] = self._right[right]
        self._left[after] = left
        if low.wants == high.wants:
            return []
        return [pair for pair in (left, after) if 0 < pair < len(self._ranges)]


def _is_rule_lost(laid: Laid, merged: Laid) -> bool:
    """Whether a port with a payload rule passes in ``merged`` whatever the payload."""
    ruled = [one for one in laid[UDP] if not is_open(one.wants)]
    passing = [one for one in merged[UDP] if is_open(one.wants)]
    return any(one.low <= other.high and other.low <= one.high for one in ruled for other in passing)


def _widened(laid: Laid, merged: Laid) -> float:
    """The share of all ports that pass in ``merged`` without being wanted in ``laid``.

    A port whose packets must meet a payload rule does not pass: next to none of them do.
    """
    unwanted = 0
    for protocol in (TCP, UDP):
        passing = bytearray(PORTS)
        for mark, ranges in ((b"\1", merged[protocol]), (b"\0", laid[protocol])):
            for low, high, wants in ranges:
                if is_open(wants):
                    passing[low : high + 1] = mark * (high - low + 1)
        unwanted |= int.from_bytes(passing, "big")
    return unwanted.bit_count() / PORTS
