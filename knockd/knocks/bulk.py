"""Which packets of a batch the matcher may add to its memory at once, and which it must judge one by one.

At once go packets from sources that are new to a watch and occur once in the batch: such a packet
begins an attempt, touches a guard port or means nothing, whatever the other packets do.

Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, KeysView, Sequence
from itertools import chain, compress, islice, repeat
from operator import add

from knockd.knocks.batch import Batch, Group, Head
from knockd.knocks.memory import Memory
from knockd.knocks.port_table import PortRole
from knockd.knocks.touches import Touch
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import PacketFields
from knockd_conf.classes import NamedTuple

MOST_SINGLES = 8
"""Where more than one packet in so many must be judged by itself, all are judged by themselves."""


class Bulk(NamedTuple):
    """Packets of one group with one role, the first step of a watch or a guard port of it."""

    role: PortRole
    group: Group
    entries: dict[bytes, float]
    """The key of each packet, in their order, to when it came."""

    def places(self, start: int, end: int) -> Sequence[int]:
        """The places of its packets from ``start`` to before ``end``."""
        places = self.group.places
        return places[bisect_left(places, start) : bisect_left(places, end)]

    def between(self, start: int, end: int) -> dict[bytes, float]:
        """The entries of these packets."""
        places = self.group.places
        first, last = bisect_left(places, start), bisect_left(places, end)
        whole = last - first == len(self.entries)
        return self.entries if whole else dict(islice(self.entries.items(), first, last))


def split(
    batch: Batch,
    arrivals: Sequence[float],
    roles_of: Callable[[Head], Sequence[PortRole]],
    known: Callable[[KeysView[bytes]], set[bytes]],
) -> tuple[list[Bulk], dict[int, PacketFields]]:
    """What may be added at once, and by their places the packets to be judged one by one.

    Packets that mean nothing are in neither. ``roles_of`` gives the roles of a packet without its
    source, ``known`` those of some keys that have an entry in any table.
    """
    singles: dict[int, PacketFields] = {}
    repeated = _repeated(batch) if len(batch.groups) > 1 else set()
    bulks = []
    for group in batch.groups:
        role, *others = roles_of(group.head) or (None,)
        if role is None:
            continue
        if others or not role.plain or (role.last == 1 and not role.guard):
            singles.update(group.packets())
            continue
        rest = group
        keys: list[bytes] = [*map(add, group.sources, repeat(role.tag))]
        if arrivals[0] == arrivals[-1]:  # as usual
            entries = dict.fromkeys(keys, arrivals[0])
        else:
            entries = dict(zip(keys, map(arrivals.__getitem__, group.places), strict=True))
        if len(entries) < len(keys):
            repeated = _repeated(batch)
        alone = known(entries.keys())
        if repeated:
            alone |= {source + role.tag for source in repeated}
        if not alone.isdisjoint(entries):
            singles.update(_chosen(group, [key in alone for key in keys]).packets())
            rest = _chosen(group, [key not in alone for key in keys])
            entries = {key: time for key, time in entries.items() if key not in alone}
        if role.first or role.guard:
            bulks.append(Bulk(role, rest, entries))
    if len(singles) * MOST_SINGLES > batch.size:
        return [], batch.packets()
    return bulks, singles


def remember(bulks: Sequence[Bulk], start: int, end: int, memory: Memory, strangers: TokenBucket) -> int:
    """Remembers the packets from the place ``start`` to before ``end`` together; ``strangers`` counts them.

    Returns the place of the first one to be judged by itself: a line is due, or a generation begins.
    """
    silent = strangers.tokens < 1
    rooms = {True: memory.first.room, False: memory.ignored.room}  # a first step, or a guard port
    for first, left in rooms.items():
        places = [bulk.places(start, end) for bulk in bulks if bulk.role.first is first]
        room = left if silent else 0
        if sum(map(len, places)) > room:
            end = sorted(chain.from_iterable(places))[room]
    for bulk in bulks:
        if entries := bulk.between(start, end):
            strangers.held += len(entries)
            if bulk.role.first:
                memory.tally.begun += len(entries)
                memory.first.add(bulk.role.tag, entries)
                memory.expect_expiry(next(iter(entries.values())) + bulk.role.timeout)
            else:
                memory.tally.guarded += len(entries)
                _, protocol, port, _ = bulk.group.head
                ports = (protocol << 16 | port,)
                touches: dict[bytes, Touch] = {key: (now, ports, (), now) for key, now in entries.items()}
                memory.ignored.add(bulk.role.tag, touches)
    return end


def _repeated(batch: Batch) -> set[bytes]:
    """The sources of more than one packet."""
    sources = [*chain.from_iterable(group.sources for group in batch.groups)]
    if len(set(sources)) == len(sources):
        return set()
    return {source for source, times in Counter(sources).items() if times > 1}


def _chosen(group: Group, chosen: Sequence[bool]) -> Group:
    """A part of a group."""
    return Group(group.head, [*compress(group.sources, chosen)], [*compress(group.places, chosen)])
