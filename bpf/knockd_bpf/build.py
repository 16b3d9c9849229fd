"""From watched ports to the term of one interface: equal protocol, flags and destinations make a group.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from knockd_bpf.terms import Destinations, Group, Term, merge_ports, sort_groups
from knockd_bpf.wire import TCP, UDP
from knockd_conf.model import FlagRule


class WatchedPorts(NamedTuple):
    """What one live sequence wants to see: (protocol, port) pairs, its flag rule, its own destinations.

    ``target`` holds packed addresses; empty means the interface's own. The flag rule speaks of
    TCP only.
    """

    ports: frozenset[tuple[int, int]]
    flags: FlagRule | None
    target: frozenset[bytes]


def build_term(watches: Iterable[WatchedPorts], local: frozenset[bytes] | None, *, ipv6: bool = True) -> Term:
    """The term for an interface whose packed addresses are ``local``.

    With ``local`` None the addresses are unknown and doors without a target take every destination.
    A door that has no destination here (no address yet, or only IPv6 ones with ``ipv6`` False)
    leaves no trace in the term.
    """
    ports: dict[tuple[int, FlagRule | None, Destinations], set[int]] = {}
    for one in watches:
        destinations = one.target or local
        if destinations is not None and not ipv6:
            destinations = frozenset(address for address in destinations if len(address) == 4)
        if destinations is not None and not destinations:
            continue
        for protocol in (TCP, UDP):
            wanted = {port for of, port in one.ports if of == protocol}
            if wanted:
                flags = one.flags if protocol == TCP and one.flags and one.flags.mask else None
                ports.setdefault((protocol, flags, destinations), set()).update(wanted)
    groups = (
        Group(protocol, flags, merge_ports(wanted), destinations)
        for (protocol, flags, destinations), wanted in ports.items()
    )
    return Term(sort_groups(groups), ipv6)
