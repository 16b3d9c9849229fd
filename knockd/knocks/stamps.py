"""When captured packets came, by the kernel's stamps and by our own clock. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from knockd.knocks.batch import RECORD
from knockd_conf.classes import NamedTuple

_LATE = 1_000_000
"""Microseconds by which stamps may go back in a ring."""

_SHARED = 0.001
"""Seconds within which packets share one number for their time: the tables keep it."""


def times(records: bytes, now: float, floor: float, offset: float, slack: float) -> list[float]:
    """When the packet of every record came, in seconds of our clock.

    That is ``now`` as long as the first one is no older than ``slack`` seconds; if we were held up
    it is the kernel's stamp plus ``offset``, what our clock shows more than the kernel's; never less
    than ``floor`` nor more than ``now``.
    """
    if not records:
        return []
    columns = memoryview(records).cast("I")
    count = len(records) // RECORD.size

    def stamped(place: int) -> float:
        return columns[4 * place] + columns[4 * place + 1] / 1e6 + offset

    if now - stamped(0) <= slack:
        return [now] * count
    arrived = max(stamped(0), floor)
    found: list[float] = []
    while arrived < now:
        # Those that share the time of the first of them; where stamps go back, some that follow it.
        end = bisect_right(range(count), arrived + _SHARED, lo=len(found), key=stamped)
        found += [arrived] * (end - len(found))
        if end == count:
            return found
        arrived = stamped(end)
    return found + [now] * (count - len(found))


class Passed(NamedTuple):
    """The packets of an interface that another packet process has judged, by the kernel's stamps.

    These are all until ``first``, and those of ``stamps``, of which ``last`` is the latest: several
    processors receive, so a packet may come into the ring after one that has a later stamp.
    """

    first: int = 0
    last: int = 0
    stamps: frozenset[int] = frozenset()

    def places(self, records: bytes) -> set[int]:
        """The places of records of such packets."""
        if not self.stamps or not records or stamp(records, 0) > self.last + _LATE:
            return set()
        each = ((place, stamp(records, place)) for place in range(len(records) // RECORD.size))
        return {place for place, one in each if one <= self.first or one in self.stamps}


def passed_over(stamps: Sequence[int]) -> Passed:
    """What was judged, when these are the latest stamps; nothing when there are none."""
    return Passed(min(stamps), max(stamps), frozenset(stamps)) if stamps else Passed()


def stamp(records: bytes, place: int) -> int:
    """The kernel's stamp of a record, in microseconds since the epoch."""
    seconds, microseconds, _, _ = RECORD.unpack_from(records, place * RECORD.size)
    return int(seconds * 1_000_000 + microseconds)
