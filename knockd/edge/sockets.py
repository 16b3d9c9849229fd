"""Ports of this host that have a socket, from /proc/net (proc(5)): no guard port may be one of them."""

from __future__ import annotations

from collections.abc import Iterator

from knockd_conf.model import Protocol, Step

_TABLES = (("tcp", Protocol.TCP), ("tcp6", Protocol.TCP), ("udp", Protocol.UDP), ("udp6", Protocol.UDP))
_LISTEN, _UNCONNECTED = "0A", "07"  # TCP_LISTEN, and TCP_CLOSE as an unconnected UDP socket is shown
_WAITING = {Protocol.TCP: _LISTEN, Protocol.UDP: _UNCONNECTED}


def listening_ports() -> frozenset[Step]:
    """Ports with a listening TCP or an unconnected UDP socket in this network namespace."""
    return frozenset(port for name, protocol in _TABLES for port in _table(name, protocol))


def _table(name: str, protocol: Protocol) -> Iterator[Step]:
    try:
        with open(f"/proc/self/net/{name}", encoding="ascii") as table:
            lines = table.readlines()[1:]
    except FileNotFoundError:
        return  # a kernel without IPv6
    for line in lines:
        _, local, _, state, *_ = line.split()
        if state == _WAITING[protocol]:
            yield Step(int(local.rpartition(":")[2], 16), protocol)
