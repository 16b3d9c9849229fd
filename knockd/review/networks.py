"""Addresses folded to the networks that they are in, so that a distributed scan is a line.

Pure.
"""

from __future__ import annotations

import re
from heapq import nlargest
from typing import Protocol

MOST_NETWORKS = 8_192
MOST_DOORS = 8
"""Names of doors that are kept of an address or a network."""

_IPV4 = re.compile(r"(?:[0-9]+\.){3}[0-9]+")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")

ELSEWHERE = "elsewhere"
"""Stands for all networks that there was no room for."""


def network_of(ip: str, wide: bool = False) -> str:
    """The /24 (IPv4) or /64 (IPv6) of an address as text, ``wide`` its /16 or /48; else the text itself.

    Addresses are as daemons log them (RFC 5952). A mapped one (``::ffff:192.0.2.1``) is its own network.
    """
    if ":" in ip:
        return _network_of_ipv6(ip, 3 if wide else 4)
    if not _IPV4.fullmatch(ip):
        return ip
    head = ip.rpartition(".")[0]
    return f"{head.rpartition('.')[0]}.0.0/16" if wide else f"{head}.0/24"


def _network_of_ipv6(ip: str, most: int) -> str:
    """Text alone: a class for addresses takes ten times as long, and a scan may have millions."""
    head, gap, tail = ip.partition("%")[0].partition("::")
    groups = head.split(":") if head else []
    if gap:
        last = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(last)) + last
    if len(groups) != 8 or not all(0 < len(group) <= 4 for group in groups):
        return ip
    if not _HEXADECIMAL.issuperset("".join(groups)):
        return ip
    groups = groups[:most]
    while groups and groups[-1] == "0":
        del groups[-1]
    return f"{':'.join(groups)}::/{most * 16}"


def widen_network(network: str) -> str:
    """The /16 or /48 around a /24 or /64; any other text as it is."""
    if network.endswith(".0/24") and network.count(".") == 3:
        first, second, _ = network.split(".", 2)
        return f"{first}.{second}.0.0/16"
    address, _, bits = network.rpartition("/")
    return network_of(address, wide=True) if bits == "64" and ":" in address else network


class Part(Protocol):
    """What is added to a network: an address, or another network. Times are those of its lines."""

    @property
    def addresses(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def guards(self) -> int: ...
    @property
    def doors(self) -> tuple[str, ...]: ...
    @property
    def first(self) -> float: ...
    @property
    def last(self) -> float: ...


class Group:
    """What is known of the addresses of one network; of their doors at most MOST_DOORS are kept."""

    __slots__ = ("addresses", "attempts", "doors", "first", "guards", "last")

    def __init__(self, part: Part) -> None:
        self.addresses, self.attempts, self.guards = part.addresses, part.attempts, part.guards
        self.doors, self.first, self.last = part.doors, part.first, part.last

    def add(self, part: Part) -> None:
        """Adds addresses to the network."""
        self.addresses += part.addresses
        self.attempts += part.attempts
        self.guards += part.guards
        self.first = min(self.first, part.first)
        self.last = max(self.last, part.last)
        if part.doors != self.doors:
            for door in part.doors:
                if door not in self.doors and len(self.doors) < MOST_DOORS:
                    self.doors += (door,)


class Networks:
    """Groups of addresses by the network's text; at most MOST_NETWORKS, then wider ones, then ELSEWHERE."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self._crowded = False
        """Whether networks have been joined to wider ones."""

    def add(self, network: str, part: Part) -> None:
        """Adds addresses to a network, or to the wider one that it has been joined to."""
        group = self._find_group(network)
        if group is None and len(self.groups) >= MOST_NETWORKS:
            self._make_room()
            group = self._find_group(network)
        if group is None:
            self.groups[network] = Group(part)
        else:
            group.add(part)

    def _find_group(self, network: str) -> Group | None:
        group = self.groups.get(network)
        return self.groups.get(widen_network(network)) if group is None and self._crowded else group

    def _make_room(self) -> None:
        """Joins networks to wider ones; where that is not enough, all but the busiest to ELSEWHERE."""
        self._crowded = True
        wide: dict[str, Group] = {}
        for name, group in self.groups.items():
            _join(wide, widen_network(name), group)
        if len(wide) > MOST_NETWORKS // 2:
            elsewhere = wide.pop(ELSEWHERE, None)
            busiest = nlargest(MOST_NETWORKS // 4, wide.items(), key=lambda one: one[1].attempts)
            kept = dict(busiest)
            for name, group in wide.items():
                if name not in kept:
                    _join(kept, ELSEWHERE, group)
            if elsewhere is not None:
                _join(kept, ELSEWHERE, elsewhere)
            wide = kept
        self.groups = wide


def _join(groups: dict[str, Group], name: str, group: Group) -> None:
    into = groups.setdefault(name, group)
    if into is not group:
        into.add(group)
