"""Which ports of a protocol want what: the groups of a term laid over each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from knockd_bpf.terms import LAST_PORT, Group, Term, Want, merge_ranges

Wants = frozenset[Want]
"""Everything that is wanted of packets to a port; a packet passes when it meets one of them."""

NOTHING: Wants = frozenset()


class PortRange(NamedTuple):
    """Ports ``low`` to ``high`` (inclusive), all with the same wants."""

    low: int
    high: int
    wants: Wants


def lay(term: Term, protocol: int) -> list[PortRange]:
    """The wanted ports of one protocol, sorted, disjoint; neighbours differ in their wants."""
    wanted: dict[Want, list[tuple[int, int]]] = {}
    for group in term.groups:
        if group.protocol == protocol:
            wanted.setdefault(group.want, []).extend(group.ranges)
    opening: dict[int, set[Want]] = {}
    closing: dict[int, set[Want]] = {}
    for want, ranges in wanted.items():
        for low, high in merge_ranges(ranges):
            opening.setdefault(low, set()).add(want)
            closing.setdefault(high + 1, set()).add(want)
    laid: list[PortRange] = []
    current = NOTHING
    start = 0
    known: dict[Wants, Wants] = {}
    for edge in sorted(opening.keys() | closing.keys()):
        if current:
            laid.append(PortRange(start, edge - 1, current))
        current = current.difference(closing.get(edge, ())).union(opening.get(edge, ()))
        current = known.setdefault(current, current)
        start = edge
    return laid


def fill(ranges: Iterable[PortRange]) -> list[tuple[int, Wants]]:
    """All 65,536 ports as (first port, wants) segments: the ranges and the gaps between them."""
    segments: list[tuple[int, Wants]] = []
    free = 0
    for low, high, wants in ranges:
        if low > free:
            segments.append((free, NOTHING))
        segments.append((low, wants))
        free = high + 1
    if free <= LAST_PORT:
        segments.append((free, NOTHING))
    return segments


def gather(protocol: int, ranges: Iterable[PortRange]) -> list[Group]:
    """The groups that lie so: the inverse of ``lay``."""
    wanted: dict[Want, list[tuple[int, int]]] = {}
    for low, high, wants in ranges:
        for want in wants:
            wanted.setdefault(want, []).append((low, high))
    return [
        Group(protocol, want.flags, merge_ranges(ports), want.destinations) for want, ports in wanted.items()
    ]
