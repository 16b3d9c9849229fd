"""The kernel's interfaces, addresses and default routes, asked for over rtnetlink(7).

Needs no privilege.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knockd.engine.rtnetlink import (
    HEADER,
    IFADDR,
    IFINFO,
    NLMSG_DONE,
    NLMSG_ERROR,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTMSG,
    Address,
    DefaultRoute,
    Link,
    Thing,
    messages,
    read,
)
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW

_ETHERNET = frozenset({1, 772})
"""ARPHRD numbers of Ethernet and loopback (linux/if_arp.h)."""

_RAW_IP = frozenset({519, 768, 769, 776, 778, 823, 65534})
"""Raw IP, IPIP, IPv6 and SIT tunnels, GRE over IPv4 and IPv6, and devices without link header (tun)."""

_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface; ``kind`` is its ARPHRD number, ``addresses`` packed IPv4 and IPv6."""

    index: int
    name: str
    kind: int
    up: bool
    bridge_port: bool
    addresses: frozenset[bytes]

    @property
    def linktype(self) -> int:
        """The DLT that libpcap will give frames of this interface; what it does not know it cooks."""
        if self.kind in _ETHERNET:
            return DLT_EN10MB
        return DLT_RAW if self.kind in _RAW_IP else DLT_LINUX_SLL


def interfaces() -> dict[str, Interface]:
    """Every interface of this network namespace by name, in the kernel's order."""
    addresses: dict[int, set[bytes]] = {}
    for thing in _dump(RTM_GETADDR, bytes(IFADDR.size)):
        if isinstance(thing, Address):
            addresses.setdefault(thing.index, set()).add(thing.address)
    return {
        link.name: Interface(
            index=link.index,
            name=link.name,
            kind=link.kind,
            up=link.up,
            bridge_port=link.bridge_port,
            addresses=frozenset(addresses.get(link.index, ())),
        )
        for link in _dump(RTM_GETLINK, bytes(IFINFO.size))
        if isinstance(link, Link)
    }


def default_route_interfaces(there: Mapping[str, Interface]) -> tuple[str, ...]:
    """Which of ``there`` are interfaces of the default routes (IPv4 and IPv6), lowest metric first."""
    names = {interface.index: name for name, interface in there.items()}
    found = [route for route in _dump(RTM_GETROUTE, bytes(RTMSG.size)) if isinstance(route, DefaultRoute)]
    hops = sorted((route.metric, index) for route in found for index in route.interfaces)
    return tuple(dict.fromkeys(names[index] for _, index in hops if index in names))


def _dump(request: int, body: bytes) -> Iterator[Thing]:
    """Asks for a dump and yields what there is. Raises OSError as the kernel does."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(HEADER.pack(HEADER.size + len(body), request, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
        while True:
            for kind, payload in messages(link.recv(1 << 17)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    (number,) = struct.unpack_from("=i", payload)
                    raise OSError(-number, "rtnetlink refused a dump")
                found = read(kind, payload)
                if found is not None:
                    yield found[0]
