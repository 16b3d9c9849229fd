"""The kernel's interfaces, addresses and default routes, asked for over rtnetlink(7).

Needs no privilege.

World: rtnetlink.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping

from knockd.net.interface import Interface
from knockd.net.netlink import read_dump
from knockd.net.rtnetlink import (
    IFADDR,
    IFINFO,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTMSG,
    Address,
    DefaultRoute,
    Link,
    Thing,
    parse_message,
)


def read_interfaces() -> dict[str, Interface]:
    """Every interface of this network namespace by name, in the kernel's order."""
    addresses: defaultdict[int, set[bytes]] = defaultdict(set)
    labels: defaultdict[int, defaultdict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for thing in _dump(RTM_GETADDR, bytes(IFADDR.size)):
        if isinstance(thing, Address):
            addresses[thing.index].add(thing.address)
            if thing.label:
                labels[thing.index][thing.label].add(thing.address)
    links = [link for link in _dump(RTM_GETLINK, bytes(IFINFO.size)) if isinstance(link, Link)]
    names = {link.index: link.name for link in links}
    return {
        link.name: Interface(
            link,
            frozenset(addresses[link.index]),
            {label: frozenset(its) for label, its in labels[link.index].items() if label != link.name},
            names.get(link.master, ""),
        )
        for link in links
    }


def read_default_routes(there: Mapping[str, Interface]) -> tuple[str, ...]:
    """Which of ``there`` are interfaces of the default routes (IPv4 and IPv6), lowest metric first."""
    names = {interface.link.index: name for name, interface in there.items()}
    found = [route for route in _dump(RTM_GETROUTE, bytes(RTMSG.size)) if isinstance(route, DefaultRoute)]
    hops = sorted((route.metric, index) for route in found for index in route.interfaces)
    return tuple(dict.fromkeys(names[index] for _, index in hops if index in names))


def _dump(request: int, body: bytes) -> Iterator[Thing]:
    """Asks for a dump and yields what there is. Raises OSError as the kernel does."""
    for message in read_dump(socket.NETLINK_ROUTE, request, body):
        found = parse_message(*message)
        if found is not None:
            yield found[0]
