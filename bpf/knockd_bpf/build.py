"""From doors to the term of one interface: doors alike in protocol, flags and destinations become a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from knockd_bpf.terms import Destinations, Group, Term, arrange, merge_ports
from knockd_bpf.wire import TCP, UDP
from knockd_conf.model import Door, FlagRule, Step


class Watch(NamedTuple):
    """What one door wants to see: (protocol, port) pairs, its flag rule, its own destinations.

    ``target`` holds packed addresses; empty means the interface's own. The flag rule speaks of
    TCP only.
    """

    ports: frozenset[tuple[int, int]]
    flags: FlagRule | None
    target: frozenset[bytes]


def watch(door: Door, steps: Sequence[Step], guards: Iterable[tuple[int, int]] = ()) -> Watch:
    """What ``door`` wants while ``steps`` is its live sequence; ``guards``: more (protocol, port) pairs."""
    ports = {(int(step.protocol), step.port) for step in steps}
    ports.update(guards)
    return Watch(frozenset(ports), door.flags, frozenset(one.packed for one in door.target))


def build(watches: Iterable[Watch], local: frozenset[bytes] | None, *, ipv6: bool = True) -> Term:
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
    return Term(arrange(groups), ipv6)
