"""For each port of a protocol, what packets to it must meet: the groups of a term merged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from knockd_bpf.terms import LAST_PORT, Group, Term, Want, merge_ranges, sort_groups
from knockd_bpf.wire import TCP, UDP
from knockd_conf.classes import NamedTuple

Wants = frozenset[Want]
"""Conditions of a port; a packet passes when it meets one of them."""

NOTHING: Wants = frozenset()


def is_open(wants: Wants) -> bool:
    """Whether packets to a port can pass whatever their payload is."""
    return any(want.payload is None for want in wants)


class PortRange(NamedTuple):
    """Ports ``low`` to ``high`` (inclusive), all with the same wants."""

    low: int
    high: int
    wants: Wants


Laid = dict[int, list[PortRange]]
"""The wanted ports of TCP and of UDP: sorted, disjoint; neighbours that touch differ in their wants."""


def lay_ports(term: Term) -> Laid:
    """The wanted ports of a term."""
    return {
        protocol: _lay([group for group in term.groups if group.protocol == protocol])
        for protocol in (TCP, UDP)
    }


def _lay(groups: Sequence[Group]) -> list[PortRange]:
    if len(groups) == 1:
        only = frozenset({groups[0].want})
        return [PortRange(low, high, only) for low, high in groups[0].ranges]
    ports: dict[Want, list[tuple[int, int]]] = {}
    for group in groups:
        ports.setdefault(group.want, []).extend(group.ranges)
    opening: dict[int, set[Want]] = {}
    closing: dict[int, set[Want]] = {}
    for want, ranges in ports.items():
        for low, high in merge_ranges(ranges):
            opening.setdefault(low, set()).add(want)
            closing.setdefault(high + 1, set()).add(want)
    laid: list[PortRange] = []
    current = NOTHING
    start = 0
    for edge in sorted(opening.keys() | closing.keys()):
        if current:
            laid.append(PortRange(start, edge - 1, current))
        current = current.difference(closing.get(edge, ())).union(opening.get(edge, ()))
        start = edge
    return laid


def wanted(ranges: Iterable[PortRange]) -> Wants:
    """Everything that is wanted of any of the ranges."""
    return NOTHING.union(*{one.wants for one in ranges})


def fill_gaps(ranges: Iterable[PortRange]) -> list[tuple[int, Wants]]:
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


def gather_groups(laid: Laid) -> tuple[Group, ...]:
    """The groups of a term that has these ports: the inverse of ``lay_ports``."""
    ports: dict[tuple[int, Want], list[tuple[int, int]]] = {}
    for protocol, ranges in laid.items():
        for low, high, wants in ranges:
            for want in wants:
                ports.setdefault((protocol, want), []).append((low, high))
    return sort_groups(
        Group.of(protocol, want, merge_ranges(spans)) for (protocol, want), spans in ports.items()
    )
