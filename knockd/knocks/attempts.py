"""A bounded table of attempts in two generations, constant time an operation.

New entries go into the young generation. When it is full the old one is forgotten and the
young one becomes old: the oldest go first, and nothing is ever deleted from the front of a
dict (that costs time linear in what was deleted before). Of watches that did not fill the table
the entries of the old generation go into the new one: a flood at one door pushes aside attempts
at that door alone.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, KeysView
from itertools import chain
from typing import Generic, TypeVar

V = TypeVar(
    "V",
    int,
    float,
    tuple[tuple[int, float], ...],
    tuple[float, tuple[int, ...], tuple[tuple[int, float], ...], float],
)


def _capacity(most: int) -> int:
    """The most entries, up to ``most``, that just fill a dict: one more doubles its memory.

    CPython's dicts have a power of two of slots and use two thirds of them (Objects/dictobject.c).
    """
    slots = 1
    while slots * 4 // 3 <= most:
        slots *= 2
    return max(1, slots * 2 // 3)


class Attempts(Generic[V]):
    """Key (source and tag) to value, at most ``bound`` entries; the oldest are forgotten first.

    A generation is as many entries as just fill a dict, up to half of ``bound``. A quarter of a generation
    is for what stays of the one before last; tags share it evenly, and what some do not need others take.
    So of the youngest entries at least a sixth of ``bound`` is kept, a quarter where that is a power of two.
    """

    __slots__ = ("_old", "_put", "_put_before", "_young", "evicted", "full")

    def __init__(self, bound: int) -> None:
        self.full = _capacity(bound // 2)
        """Entries of a generation at most."""
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self._put: Counter[bytes] = Counter()
        """Entries of each tag that went into the young generation, and before into the old one."""
        self._put_before: Counter[bytes] = Counter()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> V | None:
        """The entry of a key, None when there is none."""
        value = self._young.get(key)
        return value if value is not None or not self._old else self._old.get(key)

    def pop(self, key: bytes) -> V | None:
        """Takes the entry of a key out, None when there is none."""
        value = self._young.pop(key, None)
        return value if value is not None or not self._old else self._old.pop(key, None)

    def put(self, key: bytes, value: V) -> None:
        """Adds an entry that is not in the table as the youngest."""
        if len(self._young) >= self.full:
            kept = self._kept()
            self.evicted += len(self._old) - len(kept)
            self._old, self._young = self._young, kept
            self._put, self._put_before = Counter(key[-2:] for key in kept), self._put
        self._young[key] = value
        self._put[key[-2:]] += 1

    def _kept(self) -> dict[bytes, V]:
        """What stays of the old generation: the greatest values of tags with little in the young one."""
        share = self.full // 4
        wanted = {tag: share - self._put[tag] for tag in self._put_before if self._put[tag] < share}
        found: dict[bytes, list[bytes]] = {tag: [] for tag in wanted}
        for key in self._old if wanted else ():
            if key[-2:] in found:
                found[key[-2:]].append(key)
        kept: dict[bytes, V] = {}
        for done, (tag, keys) in enumerate(sorted(found.items(), key=lambda of_tag: len(of_tag[1]))):
            room = min((share - len(kept)) // (len(found) - done), wanted[tag])
            youngest = (
                sorted(keys, key=self._old.__getitem__)[len(keys) - room :] if len(keys) > room else keys
            )
            kept.update((key, self._old[key]) for key in youngest)
        return kept

    @property
    def room(self) -> int:
        """How many entries ``add`` takes: with one more a generation begins."""
        return self.full - len(self._young)

    def add(self, tag: bytes, entries: dict[bytes, V]) -> None:
        """Adds entries of one tag that are not in the table as the youngest, at most ``room``."""
        self._young.update(entries)
        self._put[tag] += len(entries)

    def known(self, keys: KeysView[bytes]) -> set[bytes]:
        """Those of ``keys`` that have an entry."""
        found: set[bytes] = set()
        for generation in (self._young, self._old):
            if generation and not generation.keys().isdisjoint(keys):
                found |= generation.keys() & keys
        return found

    def forget(self, tags: Collection[bytes]) -> None:
        """Takes out all entries of some tags, the last two bytes of their keys."""
        for generation in (self._young, self._old) if tags else ():
            for key in [key for key in generation if key[-2:] in tags]:
                del generation[key]

    def items(self) -> Iterator[tuple[bytes, V]]:
        """Every entry, the older generation first."""
        return chain(self._old.items(), self._young.items())

    def newest(self) -> Iterator[tuple[bytes, V]]:
        """Every entry, the youngest first."""
        return chain(reversed(self._young.items()), reversed(self._old.items()))
