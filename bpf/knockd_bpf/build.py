"""From watched ports to the term of one interface: ports of one protocol that want the same make a group.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from knockd_bpf.payload import PayloadRule
from knockd_bpf.sources import EVERYBODY, NOBODY, unite_sources
from knockd_bpf.terms import Destinations, Group, Term, Want, merge_ports, sort_groups
from knockd_bpf.wire import TCP, UDP
from knockd_conf.access import Access
from knockd_conf.classes import NamedTuple
from knockd_conf.model import FlagRule


class WatchedPorts(NamedTuple):
    """What one live sequence wants to see: (protocol, port) pairs, its flag rule, its own destinations.

    ``target`` holds packed addresses; empty means the interface's own. The flag rule speaks of
    TCP only. ``access`` is who may knock, None: everybody. ``payload`` is what UDP packets must hold.
    """

    ports: frozenset[tuple[int, int]]
    flags: FlagRule | None
    target: frozenset[bytes]
    access: Access | None = None
    payload: PayloadRule | None = None


def build_term(watches: Iterable[WatchedPorts], local: frozenset[bytes] | None, *, ipv6: bool = True) -> Term:
    """The term for an interface whose packed addresses are ``local``.

    With ``local`` None the addresses are unknown and doors without a target take every destination.
    A door that has no destination here (no address yet, or only IPv6 ones with ``ipv6`` False)
    leaves no trace in the term.
    """
    aimed = [(one, one.target or local) for one in watches if one.ports]
    four = six = EVERYBODY
    if any(one.access is not None for one, _ in aimed):
        four, six = (unite_sources(_accesses_at(aimed, size), size) for size in (4, 16))
    shut = {size for size, sources in ((4, four), (16, six)) if sources == NOBODY} | (set() if ipv6 else {16})
    ports: dict[tuple[int, Want], set[int]] = {}
    for one, to in aimed:
        destinations = to
        if shut and to is not None:
            destinations = frozenset(its for its in to if len(its) not in shut)
        if destinations is not None and not destinations:
            continue
        for protocol in (TCP, UDP):
            wanted = {port for of, port in one.ports if of == protocol}
            if wanted:
                flags = one.flags if protocol == TCP and one.flags and one.flags.mask else None
                want = Want(flags, destinations, one.payload if protocol == UDP else None)
                ports.setdefault((protocol, want), set()).update(wanted)
    groups = (Group.of(protocol, want, merge_ports(wanted)) for (protocol, want), wanted in ports.items())
    return Term(sort_groups(groups), ipv6, four, six)


def _accesses_at(aimed: Iterable[tuple[WatchedPorts, Destinations]], size: int) -> Iterator[Access | None]:
    """Yields who may knock at any destination with addresses of ``size`` bytes."""
    for one, to in aimed:
        if to is None or any(len(its) == size for its in to):
            yield one.access
