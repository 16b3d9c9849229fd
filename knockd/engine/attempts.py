"""A bounded table of attempts in two generations, constant time an operation.

New entries go into the young generation. When it is full the old one is forgotten and the
young one becomes old: the oldest go first, and nothing is ever deleted from the front of a
dict (that costs time linear in what was deleted before).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


def _capacity(most: int) -> int:
    """The most entries, up to ``most``, that just fill a dict: one more doubles its memory.

    CPython's dicts have a power of two of slots and use two thirds of them (Objects/dictobject.c).
    """
    slots = 1
    while slots * 4 // 3 <= most:
        slots *= 2
    return max(1, slots * 2 // 3)


class Attempts(Generic[V]):
    """Key (source and door) to value, at most ``bound`` entries; the oldest are forgotten first.

    A generation is as many entries as just fill a dict, up to half of ``bound``: of the youngest
    entries at least a quarter of ``bound`` are kept, a third where ``bound`` is a power of two.

    ``young`` and ``old`` are there for the matcher's inner loop: it looks into them without a
    call, adds to ``young`` only below ``full`` entries and calls ``put`` otherwise.
    """

    __slots__ = ("evicted", "full", "old", "young")

    def __init__(self, bound: int) -> None:
        self.full = _capacity(bound // 2)
        self.young: dict[bytes, V] = {}
        self.old: dict[bytes, V] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def get(self, key: bytes) -> V | None:
        """The entry of a key, None when there is none."""
        value = self.young.get(key)
        return value if value is not None or not self.old else self.old.get(key)

    def pop(self, key: bytes) -> V | None:
        """Takes the entry of a key out, None when there is none."""
        value = self.young.pop(key, None)
        return value if value is not None or not self.old else self.old.pop(key, None)

    def put(self, key: bytes, value: V) -> None:
        """Adds an entry that is not in the table as the youngest."""
        if len(self.young) >= self.full:
            self.evicted += len(self.old)
            self.old = self.young
            self.young = {}
        self.young[key] = value

    def items(self) -> Iterator[tuple[bytes, V]]:
        """Every entry, the older generation first."""
        yield from self.old.items()
        yield from self.young.items()
