"""Connections that the kernel tracks, read from the bytes of its messages (conntrack over netlink).

Total: whatever the bytes, nothing is raised. Numbers are those of linux/netfilter/nfnetlink_conntrack.h,
nf_conntrack_tcp.h and nf_conntrack_common.h.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from knockd.net.rtnetlink import split_attributes
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

CT_NEW, CT_GET = 0x100, 0x101
"""Types of messages: NFNL_SUBSYS_CTNETLINK (1), and IPCTNL_MSG_CT_NEW or IPCTNL_MSG_CT_GET."""

NFGENMSG = Struct(">BBH")

_NESTED = 0x8000
_ATTRIBUTE = Struct("=HH")
_PORT = Struct(">H")
_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _PROTOINFO, _ZONE = 1, 2, 3, 4, 18
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_IP_V4_SOURCE, _IP_V4_DESTINATION, _IP_V6_SOURCE, _IP_V6_DESTINATION = 1, 2, 3, 4
_SOURCE_SIZE = {_IP_V4_SOURCE: 4, _IP_V6_SOURCE: 16}
_PROTO_NUMBER, _PROTO_SOURCE, _PROTO_DESTINATION = 1, 2, 3
_PROTOINFO_TCP, _TCP_STATE = 1, 1
_SEEN_REPLY = 0x2

_TCP_IN_USE = frozenset({3, 4, 5, 6})
"""ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK.

A stranger who forges addresses can cause SYN_SENT and SYN_RECV; TIME_WAIT and CLOSE are over.
"""

_FRONTS = (
    (4, _ATTRIBUTE.pack(0x34, 0x8001) + _ATTRIBUTE.pack(0x14, 0x8001) + _ATTRIBUTE.pack(8, 1)),
    (16, _ATTRIBUTE.pack(0x4C, 0x8001) + _ATTRIBUTE.pack(0x2C, 0x8001) + _ATTRIBUTE.pack(20, 3)),
)
"""Size of the source address, and what every kernel writes before it, where it is TCP's or UDP's."""


class Connection(NamedTuple):
    """A tracked connection: who began it, to which port, and from which port it is answered.

    The two ports differ where the destination is translated (DNAT). ``key`` are the attributes by which the
    kernel finds it again.
    """

    source: bytes
    protocol: int
    port: int
    answers_from: int
    in_use: bool
    """Whether both sides have spoken and neither has ended it."""
    key: bytes

    def goes_to(self, services: Iterable[Service]) -> bool:
        """Whether it is a connection to one of these."""
        return any(
            one.protocol == self.protocol
            and (one.low <= self.port <= one.high or one.low <= self.answers_from <= one.high)
            for one in services
        )


def parse_connection(payload: bytes) -> Connection | None:
    """The connection of a CT_NEW message; None for what is neither TCP nor UDP, or not whole."""
    parts = _index_attributes(payload, NFGENMSG.size)
    original = parts.get(_TUPLE_ORIG, b"")
    source, protocol, _, port = _parse_tuple(original)
    _, answered_by, answers_from, _ = _parse_tuple(parts.get(_TUPLE_REPLY, b""))
    if not source or protocol not in (Protocol.TCP, Protocol.UDP) or answered_by != protocol:
        return None
    if protocol == Protocol.TCP:
        in_use = _read_state(parts.get(_PROTOINFO, b"")) in _TCP_IN_USE
    else:
        status = parts.get(_STATUS, b"")
        in_use = len(status) == 4 and bool(status[3] & _SEEN_REPLY)
    key = pack_attribute(_TUPLE_ORIG | _NESTED, original)
    if _ZONE in parts:
        key += pack_attribute(_ZONE, parts[_ZONE])
    return Connection(source, protocol, port, answers_from, in_use, key)


def find_source(payload: bytes) -> bytes:
    """The address that began the connection of a CT_NEW message, packed; most of it is not read for that.

    Empty where it is none of TCP or UDP.
    """
    for size, front in _FRONTS:
        if payload.startswith(front, NFGENMSG.size):
            at = NFGENMSG.size + len(front)
            return payload[at : at + size]
    connection = parse_connection(payload)
    return b"" if connection is None else connection.source


def _parse_tuple(data: bytes) -> tuple[bytes, int, int, int]:
    """Source address, protocol, source port and destination port; what is not there is empty or 0."""
    parts = _index_attributes(data)
    transport = _index_attributes(parts.get(_TUPLE_PROTO, b""))
    number = transport.get(_PROTO_NUMBER, b"")
    return (
        _read_source(parts.get(_TUPLE_IP, b"")),
        number[0] if number else 0,
        _read_port(transport.get(_PROTO_SOURCE, b"")),
        _read_port(transport.get(_PROTO_DESTINATION, b"")),
    )


def _index_attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """The values from ``at`` on by their numbers; of those with the same number the first counts."""
    found: dict[int, bytes] = {}
    for kind, value in split_attributes(data, at):
        found.setdefault(kind, value)
    return found


def _read_source(addresses: bytes) -> bytes:
    """The first source address, packed; empty where there is none, or it is cut short."""
    for kind, value in split_attributes(addresses, 0):
        if kind in _SOURCE_SIZE:
            size = _SOURCE_SIZE[kind]
            return value[:size] if len(value) >= size else b""
    return b""


def _read_port(data: bytes) -> int:
    return int(_PORT.unpack_from(data)[0]) if len(data) >= _PORT.size else 0


def _read_state(protoinfo: bytes) -> int | None:
    tcp = _index_attributes(protoinfo).get(_PROTOINFO_TCP, b"")
    state = _index_attributes(tcp).get(_TCP_STATE, b"")
    return state[0] if state else None


def pack_attribute(kind: int, value: bytes) -> bytes:
    """An attribute as netlink has it, filled up to four bytes."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def pack_key(source: bytes, destination: bytes, protocol: int, ports: tuple[int, int]) -> bytes:
    """The ``key`` of a connection between two packed addresses; ``ports`` are those of the two."""
    numbers = (_IP_V4_SOURCE, _IP_V4_DESTINATION) if len(source) == 4 else (_IP_V6_SOURCE, _IP_V6_DESTINATION)
    addresses = b"".join(map(pack_attribute, numbers, (source, destination)))
    transport = pack_attribute(_PROTO_NUMBER, bytes([protocol]))
    for kind, port in zip((_PROTO_SOURCE, _PROTO_DESTINATION), ports, strict=True):
        transport += pack_attribute(kind, _PORT.pack(port))
    both = pack_attribute(_TUPLE_IP | _NESTED, addresses) + pack_attribute(_TUPLE_PROTO | _NESTED, transport)
    return pack_attribute(_TUPLE_ORIG | _NESTED, both)
