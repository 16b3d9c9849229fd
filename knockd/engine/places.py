"""Who may begin and who waits: in every queue at most so many at once, the others in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
T = TypeVar("T")


class Places(Generic[Q, T]):
    """Queues by any key; one that nobody is in takes no memory."""

    def __init__(self) -> None:
        self._taken: dict[Q, int] = {}
        self._waiting: dict[Q, deque[T]] = {}

    def take(self, queue: Q, places: int) -> bool:
        """Takes a place in a queue that has ``places``; False when none is free."""
        taken = self._taken.get(queue, 0)
        if taken >= places:
            return False
        self._taken[queue] = taken + 1
        return True

    def wait(self, queue: Q, who: T, most: int | None) -> bool:
        """Stands in line for a place; False when ``most`` do so already (None: no bound)."""
        if most is not None and len(self._waiting.get(queue, ())) >= most:
            return False
        self._waiting.setdefault(queue, deque()).append(who)
        return True

    def leave(self, queue: Q) -> T | None:
        """Gives a place back. Whoever comes next has it then, and is to begin; None when nobody waits."""
        waiting = self._waiting.get(queue)
        if waiting is not None:
            following = waiting.popleft()
            if not waiting:
                del self._waiting[queue]
            return following
        self._taken[queue] -= 1
        if not self._taken[queue]:
            del self._taken[queue]
        return None

    def drop(self, among: Callable[[Q], bool]) -> list[T]:
        """Takes away who waits in the queues for which ``among`` is true."""
        return [who for queue in [*filter(among, self._waiting)] for who in self._waiting.pop(queue)]
