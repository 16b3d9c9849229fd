"""Which verdict about a packet is told where a door has several sequences, and which watch it is about.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch

_RIGHT = (Kind.NEXT, Kind.BEGINS, Kind.REPEAT)
"""A packet that has to do with the knock of somebody who knows the sequence."""

_ORDER = (
    Kind.OPENS,
    Kind.USED,
    Kind.STALE,
    *_RIGHT,
    Kind.ENDS_ANOTHER,
    Kind.ELSEWHERE,
    Kind.FLAGS,
    Kind.NOT_ADMITTED,
    Kind.USED_UP,
    Kind.COOLDOWN,
    Kind.WRONG,
    Kind.GUARD,
    Kind.IGNORED,
    Kind.GUARD_AGAIN,
    Kind.UNBEGUN,
)
"""What is told rather than what."""


class KnownWatches:
    """The watches that verdicts are about, by places that stay: those of keys come and go with each period.

    Doors without a key have theirs from the start, in their order; those of keys get a place when a verdict
    is about them.
    """

    def __init__(self, watches: Iterable[Watch]) -> None:
        self.list = [watch for watch in watches if not watch.key]
        self._places: dict[tuple[int, int, int], int] = {}

    def place_of(self, watch: Watch, place: int) -> int:
        """The place that stays of a watch, which is at ``place`` of all that there are now."""
        if not watch.key:
            self.list[place] = watch
            return place
        found = self._places.setdefault((watch.door, watch.key, watch.serial), len(self.list))
        self.list[found : found + 1] = [watch]
        return found


def choose_verdicts(verdicts: Iterable[Verdict], watches: Sequence[Watch]) -> Iterator[Verdict]:
    """Yields all verdicts of doors without a key, and one of each door with keys.

    That is the one of the knock that the packet fits. A sequence that opens nothing counts when it fits no
    other; that it does not fit such a one either is nobody's business.
    """
    of_keys: dict[int, list[Verdict]] = {}
    for one in verdicts:
        if watches[one.watch].key:
            of_keys.setdefault(one.door, []).append(one)
        else:
            yield one
    for found in of_keys.values():
        told = [one for one in found if not one.silent or one.kind in (*_RIGHT, Kind.STALE, Kind.USED)]
        if told:
            yield min(told, key=_rank)


def _rank(one: Verdict) -> tuple[bool, bool, bool, int, int]:
    whole = one.kind in (Kind.OPENS, Kind.USED, Kind.STALE)
    return not whole, one.kind not in _RIGHT, one.silent, _ORDER.index(one.kind), -one.stage
