"""The kernel's interfaces, addresses and default routes, asked for over rtnetlink(7).

Needs no privilege. Numbers are those of linux/rtnetlink.h, linux/if_link.h and
linux/if_addr.h.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW

_ETHERNET = frozenset({1, 772})
"""ARPHRD numbers of Ethernet and loopback (linux/if_arp.h)."""

_RAW_IP = frozenset({519, 768, 769, 776, 778, 823, 65534})
"""Raw IP, IPIP, IPv6 and SIT tunnels, GRE over IPv4 and IPv6, and devices without link header (tun)."""

_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3

_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_INFO_SLAVE_KIND = 3, 18, 4
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF, _RTA_PRIORITY, _RTA_MULTIPATH = 4, 6, 9
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_IFF_UP = 1

_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_NEXTHOP = struct.Struct("=HBBi")
_NLA_TYPE_MASK = 0x3FFF


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
    for payload in _dump(_RTM_GETADDR, _RTM_NEWADDR, _IFADDR.pack(0, 0, 0, 0, 0)):
        *_, index = _IFADDR.unpack_from(payload)
        attributes = dict(_attributes(payload, _IFADDR.size))
        # On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours.
        address = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
        if address is not None:
            addresses.setdefault(index, set()).add(address)
    found = {}
    for payload in _dump(_RTM_GETLINK, _RTM_NEWLINK, _IFINFO.pack(0, 0, 0, 0, 0)):
        _, kind, index, flags, _ = _IFINFO.unpack_from(payload)
        attributes = dict(_attributes(payload, _IFINFO.size))
        name = attributes[_IFLA_IFNAME].rstrip(b"\0").decode("utf-8", "surrogateescape")
        info = dict(_attributes(attributes.get(_IFLA_LINKINFO, b""), 0))
        found[name] = Interface(
            index=index,
            name=name,
            kind=kind,
            up=bool(flags & _IFF_UP),
            bridge_port=info.get(_IFLA_INFO_SLAVE_KIND, b"").rstrip(b"\0") == b"bridge",
            addresses=frozenset(addresses.get(index, ())),
        )
    return found


def default_route_interfaces() -> tuple[str, ...]:
    """Names of the interfaces of the default routes (IPv4 and IPv6), lowest metric first."""
    names = {interface.index: name for name, interface in interfaces().items()}
    routes: list[tuple[int, int]] = []
    for payload in _dump(_RTM_GETROUTE, _RTM_NEWROUTE, _RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)):
        _, destination_length, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(payload)
        if destination_length or table != _RT_TABLE_MAIN or kind != _RTN_UNICAST:
            continue
        attributes = dict(_attributes(payload, _RTMSG.size))
        metric = int.from_bytes(attributes.get(_RTA_PRIORITY, b"\0\0\0\0"), sys.byteorder)
        if _RTA_OIF in attributes:
            routes.append((metric, int.from_bytes(attributes[_RTA_OIF], sys.byteorder)))
        routes.extend((metric, hop) for hop in _next_hops(attributes.get(_RTA_MULTIPATH, b"")))
    return tuple(dict.fromkeys(names[index] for _, index in sorted(routes) if index in names))


def _next_hops(data: bytes) -> Iterator[int]:
    at = 0
    while at + _NEXTHOP.size <= len(data):
        length, _, _, index = _NEXTHOP.unpack_from(data, at)
        yield index
        at += max(_NEXTHOP.size, (length + 3) & ~3)


def _dump(request: int, answer: int, body: bytes) -> Iterator[bytes]:
    """Asks for a dump and yields the payload of each answer. Raises OSError as the kernel does."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(_HEADER.pack(_HEADER.size + len(body), request, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
        while True:
            data = link.recv(1 << 17)
            at = 0
            while at + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, at)
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    (number,) = struct.unpack_from("=i", data, at + _HEADER.size)
                    raise OSError(-number, "rtnetlink refused a dump")
                if kind == answer:
                    yield data[at + _HEADER.size : at + length]
                at += (max(length, _HEADER.size) + 3) & ~3


def _attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
