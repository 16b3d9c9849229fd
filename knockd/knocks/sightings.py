"""Duplicate packets: one that two interfaces see, as a macvlan and its parent do, or a bridge and its port.

Their captures have the kernel's one stamp for it. What an interface sees twice is two packets: a
retransmission has another stamp.

Pure.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property

from knockd.knocks.batch import Batch

MAX_KEPT = 16
"""Batches kept of each interface: two captures of one packet are read that far apart at most."""

_NEAR = 1_000
"""Microseconds by which stamps of one capture may go back: several processors receive."""

NOTHING: Mapping[int, bytes] = {}

_Packet = tuple[int, bytes, object, int]
"""Stamp, source, the packet without its source, and of a signed knock the hash of all that it holds."""


class _Kept:
    def __init__(self, batch: Batch, stamps: list[int], payloads: Mapping[int, bytes]) -> None:
        self._batch = batch
        self._stamps = stamps
        self._hashes = array("q", bytes(8 * batch.size if payloads else 0))  # payloads are long
        for place, payload in payloads.items():
            self._hashes[place] = hash(payload)
        self.begin, self.end = stamps[0] - _NEAR, stamps[-1] + _NEAR

    @cached_property
    def stamps(self) -> frozenset[int]:
        return frozenset(self._stamps)

    def packets_at(self, stamps: AbstractSet[int]) -> dict[int, _Packet]:
        """By their places, the packets with one of these stamps."""
        hashes = self._hashes
        return {
            place: (self._stamps[place], source, group.head, hashes[place] if hashes else 0)
            for group in self._batch.groups
            for place, source in zip(group.places, group.sources, strict=True)
            if self._stamps[place] in stamps
        }


class Sightings:
    """The batches that each interface gave lately."""

    def __init__(self) -> None:
        self._kept: dict[int, deque[_Kept]] = {}

    def find_duplicates(
        self, interface: int, batch: Batch, records: bytes, payloads: Mapping[int, bytes] = NOTHING
    ) -> set[int]:
        """The places of packets that another interface has given already; keeps the batch.

        ``payloads`` are what some packets hold, by their places: two that differ in it are not the same.
        """
        if not batch.groups:
            return set()
        columns = memoryview(records).cast("I")
        stamps = [s * 1_000_000 + us for s, us in zip(columns[::4], columns[1::4], strict=True)]
        mine = _Kept(batch, stamps, payloads)
        found: set[int] = set()
        for other, kept in self._kept.items():
            for one in kept if other != interface else ():
                if one.begin > mine.end or one.end < mine.begin:
                    continue
                if shared := one.stamps & mine.stamps:
                    seen = {*one.packets_at(shared).values()}
                    found.update(place for place, it in mine.packets_at(shared).items() if it in seen)
        self._kept.setdefault(interface, deque(maxlen=MAX_KEPT)).append(mine)
        return found
