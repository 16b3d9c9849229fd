"""A packet at a firewall, as far as it is known, and whether a condition of a rule holds for it.

Nobody has sent it: it stands for those of any stranger, or of anybody who has knocked. What cannot be
known of such a packet is MAYBE, so that what follows from YES and NO alone is certain.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, IntEnum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import Version

KNOCKER = "%IP%"
"""The name of the set that holds who has knocked, where a rule is for one address."""

CLIENT_PORTS = (32_768, 60_999)
"""Ports from which clients connect (ip(7), ip_local_port_range)."""

_WIDE = 8
"""A prefix shorter than this may hold any stranger."""


class Truth(IntEnum):
    """Whether something holds; the least of several is that of all of them together."""

    NO = 0
    MAYBE = 1
    YES = 2


class Kind(Enum):
    """What a condition is about; ``values`` of a Condition are those that its remark names."""

    VERSION = "version"  # 4, 6
    PROTOCOL = "protocol"  # names
    TO_PORT = "to port"  # (first, last)
    FROM_PORT = "from port"  # (first, last)
    SOURCE = "source"  # networks
    SOURCE_SET = "source set"  # names of sets
    DESTINATION = "destination"  # networks
    IN = "in interface"  # patterns
    OUT = "out interface"  # patterns
    STATE = "state"  # names of states
    SYN = "syn"  # none: the first packet of a connection
    DNAT = "dnat"  # none: the destination was changed
    LOCAL = "local"  # none: it is for this host itself
    NEVER = "never"  # none: of no such packet
    UNKNOWN = "unknown"  # none


class Condition(NamedTuple):
    """One condition of a rule: one of ``values`` is what the packet has, or none where it is negated."""

    kind: Kind
    values: tuple[object, ...] = ()
    negated: bool = False


class Packet(NamedTuple):
    """A packet between a remote host and a service. ``port`` is the service's."""

    version: Version
    protocol: str
    port: int
    state: Literal["new", "established"] = "new"
    outward: bool = False
    interfaces: tuple[str, ...] = ()
    """By one of these it comes, or goes; empty: not known."""
    own: frozenset[bytes] = frozenset()
    """Addresses of this host, packed."""
    members: frozenset[str] = frozenset()
    """Sets that hold the remote address; empty: it is a stranger's, in no set at all."""
    forwarded: bool = False
    """It is for a host behind this one."""
    dnat: bool = False


def judge_condition(condition: Condition, packet: Packet) -> Truth:
    """Whether a condition holds for the packet."""
    truth = _TESTS[condition.kind](condition.values, packet)
    return Truth(Truth.YES - truth) if condition.negated else truth


def judge_conditions(conditions: Iterable[Condition], packet: Packet) -> Truth:
    """Whether all of them hold."""
    return min((judge_condition(one, packet) for one in conditions), default=Truth.YES)


def _sure(value: bool) -> Truth:
    return Truth.YES if value else Truth.NO


def _service_port(values: Iterable[object], packet: Packet) -> Truth:
    return _sure(any(low <= packet.port <= high for low, high in _ranges(values)))


def _client_port(values: Iterable[object], _packet: Packet) -> Truth:
    first, last = CLIENT_PORTS
    if any(low <= first and last <= high for low, high in _ranges(values)):
        return Truth.YES
    return Truth.MAYBE if any(low <= last and first <= high for low, high in _ranges(values)) else Truth.NO


def _ranges(values: Iterable[object]) -> Iterable[tuple[int, int]]:
    return (value for value in values if isinstance(value, tuple))


def _to_port(values: tuple[object, ...], packet: Packet) -> Truth:
    return _client_port(values, packet) if packet.outward else _service_port(values, packet)


def _from_port(values: tuple[object, ...], packet: Packet) -> Truth:
    return _service_port(values, packet) if packet.outward else _client_port(values, packet)


def _source(values: tuple[object, ...], packet: Packet) -> Truth:
    return _own(values, packet) if packet.outward else _remote(values, packet)


def _destination(values: tuple[object, ...], packet: Packet) -> Truth:
    return _remote(values, packet) if packet.outward else _own(values, packet)


def _remote(values: tuple[object, ...], packet: Packet) -> Truth:
    """There is a stranger outside of any network that is not nearly all; a knocker may be anywhere."""
    shortest = min((_prefix(str(value)) for value in values), default=32)
    if shortest == 0:
        return Truth.YES
    return Truth.MAYBE if packet.members or shortest < _WIDE else Truth.NO


def _prefix(network: str) -> int:
    try:
        return ip_network(network, strict=False).prefixlen
    except ValueError:
        return 1  # a range of addresses, or a host's name


def _own(values: tuple[object, ...], packet: Packet) -> Truth:
    """An address of this host, or one behind it: every one of them in it, some, or none."""
    if packet.forwarded or not packet.own:
        return Truth.YES if any(_prefix(str(value)) == 0 for value in values) else Truth.MAYBE
    addresses = [ip_address(address) for address in packet.own]
    mine = [one for one in addresses if one.version == packet.version]
    held = [any(_holds(str(value), one) for value in values) for one in mine]
    return Truth.YES if all(held) else Truth.MAYBE if any(held) else Truth.NO


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return True  # of a range it is not known


def _source_set(values: tuple[object, ...], packet: Packet) -> Truth:
    if packet.outward:
        return Truth.MAYBE
    if any(value in packet.members for value in values):
        return Truth.YES
    return Truth.MAYBE if packet.members and KNOCKER not in values else Truth.NO


def _in(values: tuple[object, ...], packet: Packet) -> Truth:
    return Truth.NO if packet.outward and not packet.forwarded else _interface(values, packet, packet.outward)


def _out(values: tuple[object, ...], packet: Packet) -> Truth:
    if not packet.outward and not packet.forwarded:
        return Truth.NO
    return _interface(values, packet, not packet.outward)


def _interface(values: tuple[object, ...], packet: Packet, inner: bool) -> Truth:
    """``inner``: it is the interface on the other side of this host, of which nothing is known."""
    if inner or not packet.interfaces:
        return Truth.NO if set(values) == {"lo"} else Truth.MAYBE
    matched = [any(fnmatchcase(name, str(value)) for value in values) for name in packet.interfaces]
    return Truth.YES if all(matched) else Truth.MAYBE if any(matched) else Truth.NO


def _syn(_values: tuple[object, ...], packet: Packet) -> Truth:
    return _sure(packet.protocol == "tcp" and packet.state == "new" and not packet.outward)


def _local(_values: tuple[object, ...], packet: Packet) -> Truth:
    return _sure(not packet.forwarded and not packet.outward)


_TESTS: dict[Kind, Callable[[tuple[object, ...], Packet], Truth]] = {
    Kind.VERSION: lambda values, packet: _sure(packet.version in values),
    Kind.PROTOCOL: lambda values, packet: _sure(packet.protocol in values),
    Kind.TO_PORT: _to_port,
    Kind.FROM_PORT: _from_port,
    Kind.SOURCE: _source,
    Kind.SOURCE_SET: _source_set,
    Kind.DESTINATION: _destination,
    Kind.IN: _in,
    Kind.OUT: _out,
    Kind.STATE: lambda values, packet: _sure(packet.state in values),
    Kind.SYN: _syn,
    Kind.DNAT: lambda _values, packet: _sure(packet.dnat),
    Kind.LOCAL: _local,
    Kind.NEVER: lambda _values, _packet: Truth.NO,
    Kind.UNKNOWN: lambda _values, _packet: Truth.MAYBE,
}
