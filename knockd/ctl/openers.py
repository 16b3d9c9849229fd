"""Who has opened a door, as far as a log was read.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from knockd.review.entries import Entry
from knockd.review.selection import OPENED

MOST = 100_000


class Openers:
    """``addresses`` that have opened a door, the first MOST of them: they tell owners from strangers."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()

    def watch_entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries; the opener of each is noted before it is handed on."""
        for entry in entries:
            if entry.event in OPENED and len(self.addresses) < MOST:
                self.addresses.add(entry.ip)
            yield entry
