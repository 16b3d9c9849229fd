"""Ports of this host that have a socket: no automatic guard port may be one of them.

The kernel is asked for listening and unconnected sockets only (sock_diag(7)), which takes as long
whatever number of connections there is; where it cannot, /proc/net (proc(5)) is read.

World: tables of sockets.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from knockd.net.netlink import read_dump
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20  # linux/netlink.h, linux/sock_diag.h

_REQUEST = struct.Struct("=BBBxI48x")
"""``inet_diag_req_v2`` (linux/inet_diag.h): family, protocol, extensions, states; any two ends."""

_PORT = struct.Struct("!4xH")
"""How ``inet_diag_msg`` begins: family, state, timer and retransmissions, then the port."""


class _Table(NamedTuple):
    """Sockets of one family and protocol that wait: the file with them, and their state as a number.

    An unconnected UDP socket is shown in the state TCP_CLOSE.
    """

    name: str
    family: int
    protocol: Protocol
    state: int


_TABLES = (
    _Table("tcp", socket.AF_INET, Protocol.TCP, 10),  # TCP_LISTEN (net/tcp_states.h)
    _Table("tcp6", socket.AF_INET6, Protocol.TCP, 10),
    _Table("udp", socket.AF_INET, Protocol.UDP, 7),  # TCP_CLOSE
    _Table("udp6", socket.AF_INET6, Protocol.UDP, 7),
)


def ports_in_use() -> frozenset[Step]:
    """Ports with a listening TCP or an unconnected UDP socket in this network namespace. Raises OSError."""
    return frozenset(Step(port, table.protocol) for table in _TABLES for port in _ports(table))


def _ports(table: _Table) -> set[int]:
    try:
        return set(_ask(table))
    except OSError:  # a kernel without sock_diag, or one that may not load it
        return set(_read(table))


def _ask(table: _Table) -> Iterator[int]:
    request = _REQUEST.pack(table.family, table.protocol, 0, 1 << table.state)
    for kind, payload in read_dump(_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, request):
        if kind == _SOCK_DIAG_BY_FAMILY and len(payload) >= _PORT.size:
            yield _PORT.unpack_from(payload)[0]


def _read(table: _Table) -> Iterator[int]:
    try:
        with open(f"/proc/self/net/{table.name}", encoding="ascii") as file:
            lines = file.readlines()[1:]
    except FileNotFoundError:
        return  # a kernel without IPv6
    for line in lines:
        _, local, _, state, *_ = line.split()
        if int(state, 16) == table.state:
            yield int(local.rpartition(":")[2], 16)
