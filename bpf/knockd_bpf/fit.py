"""Makes a program short enough for the kernel, by a wider term where the exact one is too long.

Wider, never narrower: everything that the given term accepts, the fitted one accepts too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.layout import Layout
from knockd_bpf.program import SNAPLEN, Program, assemble
from knockd_bpf.segments import PortRange, gather, lay
from knockd_bpf.terms import Term, arrange, merge_ranges, unite
from knockd_bpf.wire import TCP, UDP

PORTS: Final = 65_536

SMALLEST_LIMIT: Final = 128
"""Every term can be made to fit this many instructions."""

_PER_RANGE: Final = 2
"""Instructions that one more range costs: a test at each of its bounds."""


Laid = list[tuple[int, list[PortRange]]]
"""Per protocol its wanted ports, as ``lay`` gives them."""


class Addresses(Enum):
    """What became of the address part: kept, the same for all ports, or left out."""

    EXACT = "exact"
    POOLED = "pooled"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A program that the kernel takes and the term it stands for.

    ``widened`` is the share (0 to 1) of all 65,536 ports that pass in some protocol without being
    wanted in it; ``addresses`` says whether ports pass for addresses that did not ask for them.
    """

    program: Program
    term: Term
    widened: float
    addresses: Addresses


def fit(term: Term, layout: Layout, limit: int = MAX_INSTRUCTIONS, *, snaplen: int = SNAPLEN) -> Fitted:
    """The program for ``term`` in at most ``limit`` instructions.

    When the exact one is longer, the nearest port ranges are merged; where the addresses alone would
    take more than half of the room, all ports first share all addresses, then do without. Raises
    ValueError for a limit below SMALLEST_LIMIT.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"limit: expected at least {SMALLEST_LIMIT} instructions, got {limit}")
    ranges = sum(len(lay(term, protocol)) for protocol in (TCP, UDP))
    if ranges <= limit:
        program = assemble(term, layout, snaplen=snaplen)
        if len(program) <= limit:
            return Fitted(program, term, 0.0, Addresses.EXACT)
    for addresses, candidate in _candidates(term):
        laid = [(protocol, lay(candidate, protocol)) for protocol in (TCP, UDP)]
        fixed = _fixed(candidate, laid, layout)
        if fixed > limit // 2 and addresses is not Addresses.DROPPED:
            continue
        fewest = sum(bool(wanted) for _, wanted in laid)
        room = max((limit - fixed) // _PER_RANGE, fewest)
        while True:
            merged = _term(_merge(laid, room), candidate.ipv6)
            program = assemble(merged, layout, snaplen=snaplen)
            if len(program) <= limit:
                return Fitted(program, merged, _widened(term, merged), addresses)
            if room == fewest:
                break
            room = max(room - max(1, (len(program) - limit) // _PER_RANGE), fewest)
    raise AssertionError(f"no program for this term has {limit} instructions")


def _candidates(term: Term) -> Iterator[tuple[Addresses, Term]]:
    """The term itself, and what it widens to when the addresses take too much room."""
    yield Addresses.EXACT, term
    everyone = unite(group.destinations for group in term.groups)
    for addresses, destinations in ((Addresses.POOLED, everyone), (Addresses.DROPPED, None)):
        groups = (replace(group, destinations=destinations) for group in term.groups)
        yield addresses, replace(term, groups=arrange(groups))


def _fixed(term: Term, laid: Laid, layout: Layout) -> int:
    """Instructions besides those for ranges, measured with one port for each set of wants."""
    apart: Laid = []
    for protocol, ranges in laid:
        wants = dict.fromkeys(one.wants for one in ranges)
        if len(wants) > PORTS // 2:
            return PORTS
        apart.append((protocol, [PortRange(2 * at, 2 * at, one) for at, one in enumerate(wants)]))
    number = sum(len(ranges) for _, ranges in apart)
    return len(assemble(_term(apart, term.ipv6), layout)) - _PER_RANGE * number


def _term(laid: Laid, ipv6: bool) -> Term:
    return Term(arrange(group for protocol, ranges in laid for group in gather(protocol, ranges)), ipv6)


def _merge(laid: Laid, room: int) -> Laid:
    """At most ``room`` ranges in all: what is merged first changes what passes on the fewest ports."""
    nodes: list[list[PortRange | None]] = [list(ranges) for _, ranges in laid]
    following = [list(range(1, len(ranges) + 1)) for ranges in nodes]
    preceding = [list(range(-1, len(ranges) - 1)) for ranges in nodes]
    heap: list[tuple[int, int, int, int, int]] = []

    def offer(which: int, left: int, right: int) -> None:
        if left >= 0 and right < len(nodes[which]):
            low, high = nodes[which][left], nodes[which][right]
            assert low is not None
            assert high is not None
            heapq.heappush(heap, (_price(low, high), high.low, which, left, right))

    for which, ranges in enumerate(nodes):
        for left in range(len(ranges) - 1):
            offer(which, left, left + 1)
    excess = sum(len(ranges) for ranges in nodes) - room
    while excess > 0 and heap:
        price, _, which, left, right = heapq.heappop(heap)
        low, high = nodes[which][left], nodes[which][right]
        if low is None or high is None or _price(low, high) != price:
            continue
        nodes[which][left] = PortRange(low.low, high.high, low.wants | high.wants)
        nodes[which][right] = None
        after = following[which][right]
        following[which][left] = after
        if after < len(nodes[which]):
            preceding[which][after] = left
        offer(which, left, after)
        offer(which, preceding[which][left], left)
        excess -= 1
    return [
        (protocol, [one for one in ranges if one is not None])
        for (protocol, _), ranges in zip(laid, nodes, strict=True)
    ]


def _price(low: PortRange, high: PortRange) -> int:
    """On how many ports more passes than before when two neighbouring ranges become one."""
    wants = low.wants | high.wants
    price = high.low - low.high - 1
    for one in (low, high):
        if one.wants != wants:
            price += one.high - one.low + 1
    return price


def _widened(term: Term, merged: Term) -> float:
    unwanted = bytearray(PORTS)
    for protocol in (TCP, UDP):
        passing = bytearray(PORTS)
        for mark, ranges in ((1, _ranges(merged, protocol)), (0, _ranges(term, protocol))):
            for low, high in ranges:
                passing[low : high + 1] = bytes([mark]) * (high - low + 1)
        unwanted = bytearray(one | other for one, other in zip(unwanted, passing, strict=True))
    return sum(unwanted) / PORTS


def _ranges(term: Term, protocol: int) -> tuple[tuple[int, int], ...]:
    return merge_ranges(span for group in term.groups if group.protocol == protocol for span in group.ranges)
