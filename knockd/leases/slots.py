"""Concurrency limit per key: at most N at once, the rest wait in FIFO order.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class CommandSlots(Generic[K, T]):
    """Slots and a queue for every key; a key that nobody uses takes no memory."""

    def __init__(self) -> None:
        self._used: dict[K, int] = {}
        self._queues: dict[K, deque[T]] = {}

    def acquire(self, key: K, limit: int) -> bool:
        """Uses one of the key's ``limit`` slots; returns False when none is free."""
        used = self._used.get(key, 0)
        if used >= limit:
            return False
        self._used[key] = used + 1
        return True

    def enqueue(self, key: K, item: T, limit: int | None) -> bool:
        """Queues an item for a slot; returns False when ``limit`` items wait already (None: no limit)."""
        if limit is not None and len(self._queues.get(key, ())) >= limit:
            return False
        self._queues.setdefault(key, deque()).append(item)
        return True

    def count_waiting(self, key: K) -> int:
        """How many items wait for a slot of the key."""
        return len(self._queues.get(key, ()))

    def release(self, key: K) -> T | None:
        """Hands the slot to the next item in the queue and returns that; None: it is free now."""
        if key in self._queues:
            return self._take(key)
        self._used[key] -= 1
        if not self._used[key]:
            del self._used[key]
        return None

    def begin_waiting(self, among: Callable[[K], bool], most: int) -> list[T]:
        """Takes up to ``most`` items from the queues of all keys for which ``among`` is true, by turns.

        Each uses a slot beyond its key's limit, to be released as any other.
        """
        begun: list[T] = []
        while keys := [*filter(among, self._queues)][: most - len(begun)]:
            for key in keys:
                self._used[key] += 1
                begun.append(self._take(key))
        return begun

    def drop(self, among: Callable[[K], bool]) -> list[T]:
        """Empties the queues of all keys for which ``among`` is true; returns their items."""
        return [item for key in [*filter(among, self._queues)] for item in self._queues.pop(key)]

    def _take(self, key: K) -> T:
        queue = self._queues[key]
        item = queue.popleft()
        if not queue:
            del self._queues[key]
        return item
