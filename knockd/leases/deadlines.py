"""The deadlines of leases in order, in a heap; an entry that does not hold any more stays until it is met.

``holds`` says whether a lease still has this deadline.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

Holds = Callable[[str, float], bool]

FEW = 64
"""Entries that do no harm, whether they hold or not."""


class Deadlines:
    """Each change costs the logarithm of how many there are, and so does each end."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, deadline: float, lease: str, leases: int, holds: Holds) -> None:
        """Adds a deadline. ``leases``: how many there are; not many more entries than that are kept."""
        heappush(self._heap, (deadline, lease))
        if len(self._heap) > 2 * leases + FEW:
            self._heap = [(when, one) for when, one in set(self._heap) if holds(one, when)]
            heapify(self._heap)

    def find_first(self, holds: Holds) -> float | None:
        """The next deadline, None when there is none."""
        heap = self._heap
        while heap and not holds(heap[0][1], heap[0][0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now: float, holds: Holds) -> str | None:
        """Takes the first lease whose deadline has come; None when there is none."""
        first = self.find_first(holds)
        return heappop(self._heap)[1] if first is not None and first <= now else None
