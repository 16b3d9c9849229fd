"""Messages of rtnetlink(7) about links, addresses and default routes, read from bytes.

Total: whatever the bytes, nothing is raised. Numbers are those of linux/rtnetlink.h,
linux/if_link.h and linux/if_addr.h.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.text import decoded

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
NLMSG_ERROR, NLMSG_DONE = 2, 3

HEADER = Struct("=IHHII")
"""Of every message: length, type, flags, sequence number, port."""

IFINFO = Struct("=BxHiII")
IFADDR = Struct("=BBBBI")
RTMSG = Struct("=BBBBBBBBI")

_IFLA_IFNAME, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_PROP_LIST, _IFLA_ALT_IFNAME = 3, 10, 18, 52, 53
_IFLA_INFO_SLAVE_KIND = 4
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL = 1, 2, 3
_RTA_OIF, _RTA_PRIORITY, _RTA_MULTIPATH = 4, 6, 9
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_AF_UNSPEC = 0
_IFF_UP = 1
_ATTRIBUTE = Struct("=HH")
_NEXTHOP = Struct("=HBBi")
_NUMBER = Struct("=I")
_NLA_TYPE_MASK = 0x3FFF


@dataclass(frozen=True, slots=True)
class Link:
    """An interface; ``kind`` is its ARPHRD number (linux/if_arp.h).

    ``master`` is the index of the interface that it is a part of, ``part_of`` that one's kind (``bridge``,
    ``bond``...); ``alternatives`` are its other names.
    """

    index: int
    name: str
    kind: int
    up: bool
    part_of: str = ""
    master: int = 0
    alternatives: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Address:
    """A packed IPv4 or IPv6 address of an interface, tentative ones too; IPv6 has no labels."""

    index: int
    address: bytes
    label: str = ""


class DefaultRoute(NamedTuple):
    """A default route of the main table: its metric and the interfaces of its hops."""

    metric: int
    interfaces: tuple[int, ...]


Thing = Link | Address | DefaultRoute


def split_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each message in what the kernel sent."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, at)
        if length < HEADER.size:
            return
        yield kind, data[at + HEADER.size : at + length]
        at += (length + 3) & ~3


def parse_message(kind: int, payload: bytes) -> tuple[Thing, bool] | None:
    """What a message is about, and whether that is gone; None for everything of no interest here."""
    if kind in {RTM_NEWLINK, RTM_DELLINK} and len(payload) >= IFINFO.size:
        link = _link(payload)
        return None if link is None else (link, kind == RTM_DELLINK)
    if kind in {RTM_NEWADDR, RTM_DELADDR} and len(payload) >= IFADDR.size:
        address = _address(payload)
        return None if address is None else (address, kind == RTM_DELADDR)
    if kind in {RTM_NEWROUTE, RTM_DELROUTE} and len(payload) >= RTMSG.size:
        route = _default_route(payload)
        return None if route is None else (route, kind == RTM_DELROUTE)
    return None


def _link(payload: bytes) -> Link | None:
    family, kind, index, flags, _ = IFINFO.unpack_from(payload)
    if family != _AF_UNSPEC:
        return None  # a bridge reports its ports in the same messages: leaving it deletes no interface
    attributes = dict(split_attributes(payload, IFINFO.size))
    if _IFLA_IFNAME not in attributes:
        return None
    info = dict(split_attributes(attributes.get(_IFLA_LINKINFO, b""), 0))
    properties = split_attributes(attributes.get(_IFLA_PROP_LIST, b""), 0)
    return Link(
        index=index,
        name=_name(attributes[_IFLA_IFNAME]),
        kind=kind,
        up=bool(flags & _IFF_UP),
        part_of=_name(info.get(_IFLA_INFO_SLAVE_KIND, b"")),
        master=_number(attributes.get(_IFLA_MASTER, b"")),
        alternatives=frozenset(_name(one) for number, one in properties if number == _IFLA_ALT_IFNAME),
    )


def _address(payload: bytes) -> Address | None:
    *_, index = IFADDR.unpack_from(payload)
    attributes = dict(split_attributes(payload, IFADDR.size))
    # On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours.
    address = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    return None if address is None else Address(index, address, _name(attributes.get(_IFA_LABEL, b"")))


def _default_route(payload: bytes) -> DefaultRoute | None:
    _, destination_length, _, _, table, _, _, kind, _ = RTMSG.unpack_from(payload)
    if destination_length or table != _RT_TABLE_MAIN or kind != _RTN_UNICAST:
        return None
    attributes = dict(split_attributes(payload, RTMSG.size))
    hops = [*_next_hops(attributes.get(_RTA_MULTIPATH, b""))]
    if _RTA_OIF in attributes:
        hops.insert(0, _number(attributes[_RTA_OIF]))
    return DefaultRoute(_number(attributes.get(_RTA_PRIORITY, b"")), tuple(hops))


def _name(data: bytes) -> str:
    """A name that ends with a zero byte."""
    return decoded(data.rstrip(b"\0"))


def _number(data: bytes) -> int:
    """A 32-bit number of this machine's byte order."""
    return int(_NUMBER.unpack(data[:4].ljust(4, b"\0"))[0])


def _next_hops(data: bytes) -> Iterator[int]:
    at = 0
    while at + _NEXTHOP.size <= len(data):
        length, _, _, index = _NEXTHOP.unpack_from(data, at)
        yield index
        at += max(_NEXTHOP.size, (length + 3) & ~3)


def split_attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Number and value of each attribute from ``at`` on, in any message of netlink."""
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
