"""Which journal holds the leases of which: what a run has read it holds as well, and nothing else.

A journal may be found late: of another daemon that noted in the same place, of a directory that could not be
read. Its leases are known exactly when a journal that was read says so; the time at which it was written says
nothing.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nlargest

from knockd.leases.journal import Journal

MOST_NAMED = 32
"""Runs that a journal names. Of an older one the leases may be stopped once more."""

_NAMELESS = "#"
"""In the place of the run of a version that names none. No run has such a name."""


class Lineage:
    """What a run has read: the last serial of each other run that is known, by its name."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.replaces: Mapping[str, int] = {}

    def take_new(self, journals: Iterable[Journal]) -> list[Journal]:
        """Those of this boot whose leases are not known yet, the last one first; from now on they are."""
        new = []
        for journal in sorted(journals, key=lambda one: -one.serial):
            if journal.run != self.run and not self._knows(journal):
                new.append(journal)
            self._learn(journal)
        return new

    def _knows(self, journal: Journal) -> bool:
        names = (journal.run,) if journal.run else (_name(journal), _NAMELESS)
        return any(journal.serial <= self.replaces.get(name, -1) for name in names)

    def _learn(self, journal: Journal) -> None:
        known = dict(self.replaces)
        for name, serial in (*journal.replaces.items(), (_name(journal), journal.serial)):
            if name != self.run:
                known[name] = max(serial, known.get(name, -1))
        self.replaces = dict(nlargest(MOST_NAMED, known.items(), key=lambda one: one[1]))


def _name(journal: Journal) -> str:
    """The run of a journal; of one that names none a name for it alone, or for all that are older, too."""
    if journal.run:
        return journal.run
    return _NAMELESS if journal.complete else f"{_NAMELESS}{journal.serial}"
