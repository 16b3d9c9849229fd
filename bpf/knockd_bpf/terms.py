"""What one interface watches for, as values that can judge a packet.

A Term is all that one interface watches for, a Group the ports of all doors that have the same
protocol, flag rule, payload rule and destinations. Nothing here knows frames, text or instructions.

Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from knockd_bpf.payload import PayloadRule
from knockd_bpf.sources import EVERYBODY, NOBODY, Sources
from knockd_bpf.wire import Packet
from knockd_conf.classes import NamedTuple
from knockd_conf.model import FlagRule

LAST_PORT = 65_535

Destinations = frozenset[bytes] | None
"""Packed addresses (4 or 16 bytes, network order); None takes every address."""


class Want(NamedTuple):
    """What a packet to a port must meet besides: a TCP flag rule, a destination, a rule for UDP's payload.

    None stands for any flags, destination or payload.
    """

    flags: FlagRule | None
    destinations: Destinations
    payload: PayloadRule | None = None


class Group(NamedTuple):
    """Port ranges (inclusive, sorted, merged) of one protocol of which packets must meet one Want.

    ``protocol`` is TCP or UDP; ``flags`` is None for UDP, ``payload`` for TCP. ``destinations`` None means
    no address part.
    """

    protocol: int
    flags: FlagRule | None
    ranges: tuple[tuple[int, int], ...]
    destinations: Destinations
    payload: PayloadRule | None = None

    @classmethod
    def of(cls, protocol: int, want: Want, ranges: tuple[tuple[int, int], ...]) -> Group:
        """The group of some ports that have one want."""
        return cls(protocol, want.flags, ranges, want.destinations, want.payload)

    @property
    def want(self) -> Want:
        """The group without its ports."""
        return Want(self.flags, self.destinations, self.payload)

    def takes(self, destination: bytes) -> bool:
        """Whether a packed destination address is one of the group's."""
        return self.destinations is None or destination in self.destinations

    def covers(self, port: int) -> bool:
        """Whether a port lies in one of the ranges."""
        at = bisect_right(self.ranges, (port, LAST_PORT)) - 1
        return at >= 0 and port <= self.ranges[at][1]


class Term(NamedTuple):
    """All that one interface's doors want: any of ``groups``; with ``ipv6`` False nothing of IPv6.

    ``four`` and ``six`` are whose packets pass at all, of either IP version.
    """

    groups: tuple[Group, ...]
    ipv6: bool
    four: Sources = EVERYBODY
    six: Sources = EVERYBODY

    def versions(self) -> dict[int, Sources]:
        """Whose packets pass, by IP version (4, 6), of the versions of which any passes."""
        both = {4: self.four, 6: self.six if self.ipv6 else NOBODY}
        return {version: sources for version, sources in both.items() if sources != NOBODY}

    def accepts(self, packet: Packet, *, extended: bool = False, payload: bytes | None = None) -> bool:
        """Whether the packet passes.

        ``extended`` says that it came with IPv6 extension headers: the kernel's filter cannot walk
        those, so such a packet passes when any group without a payload rule takes its destination, whatever
        follows. ``payload`` is what a UDP packet that is no fragment holds; None: it meets no payload rule.
        """
        six = len(packet.destination) == 16
        sources = self.versions().get(6 if six else 4)
        if sources is None or (sources != EVERYBODY and not sources.takes(packet.source)):
            return False
        if six and extended:
            return any(group.payload is None and group.takes(packet.destination) for group in self.groups)
        return any(
            group.protocol == packet.protocol
            and group.takes(packet.destination)
            and group.covers(packet.port)
            and (group.flags is None or group.flags.accepts(packet.flags))
            and (group.payload is None or (payload is not None and group.payload.accepts(payload)))
            for group in self.groups
        )

    def destinations(self, version: int, protocol: int | None = None) -> Destinations:
        """The addresses of one IP version (4 or 6) that any group takes; of one protocol's groups if given.

        None is every address; the empty set means that no packet of this version passes.
        """
        if version not in self.versions():
            return frozenset()
        chosen = [one for one in self.groups if protocol in {None, one.protocol}]
        return of_version(unite_destinations(group.destinations for group in chosen), version)

    def extended(self) -> Destinations:
        """The IPv6 addresses to which packets with extension headers pass, as ``destinations`` has them."""
        if 6 not in self.versions():
            return frozenset()
        chosen = [group for group in self.groups if group.payload is None]
        return of_version(unite_destinations(group.destinations for group in chosen), 6)


def sort_groups(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The groups sorted: TCP first, then those without flag or payload rule, then those without addresses.

    The text is printed and the program tests in this order, so that both have the same verdict on a
    truncated frame: a filter ends, rejecting, at the first byte it looks for beyond the frame.
    """

    def key(group: Group) -> tuple[int, _WantKey, tuple[tuple[int, int], ...]]:
        return group.protocol, _want_key(group.want), group.ranges

    return tuple(sorted(groups, key=key))


def sort_wants(wants: Iterable[Want]) -> list[Want]:
    """The wants of a port in the order of their groups."""
    return sorted(wants, key=_want_key)


_WantKey = tuple[bool, bool, bool, int, int, tuple[int, tuple[int, ...]], list[bytes]]


def _want_key(want: Want) -> _WantKey:
    flags = want.flags or FlagRule(0, 0)
    return (
        want.flags is not None,
        want.payload is not None,
        want.destinations is not None,
        flags.must_set,
        flags.must_clear,
        want.payload or (0, ()),
        sorted(want.destinations or ()),
    )


def of_version(destinations: Destinations, version: int) -> Destinations:
    """The addresses of one IP version (4 or 6) among ``destinations``."""
    length = 16 if version == 6 else 4
    return None if destinations is None else frozenset(one for one in destinations if len(one) == length)


def unite_destinations(many: Iterable[Destinations]) -> Destinations:
    """All destinations of ``many`` together: None as soon as one of them is None."""
    united: set[bytes] = set()
    for one in many:
        if one is None:
            return None
        united |= one
    return frozenset(united)


def merge_ports(ports: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Single ports as sorted inclusive ranges; neighbours share a range."""
    ranges: list[tuple[int, int]] = []
    low = high = -2
    for port in sorted(ports):
        if port > high + 1:
            if high >= 0:
                ranges.append((low, high))
            low = port
        high = port
    if high >= 0:
        ranges.append((low, high))
    return tuple(ranges)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges sorted, with those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)
