"""Openings that wait for a slow keeper: one a door and source, at most so many, and doors take turns.

A storm at one door delays the opening of another by one message, and takes no place from it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Line:
    """What waits for one door, in order; a dict alone would be slow to take from the front of."""

    order: deque[bytes] = field(default_factory=deque)
    messages: dict[bytes, bytes] = field(default_factory=dict)


class Turns:
    """At most ``most`` messages."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lines: dict[int, _Line] = {}
        self._turn: deque[int] = deque()

    def __len__(self) -> int:
        return self._count

    def put(self, door: int, source: bytes, message: bytes) -> bool:
        """Adds a message, or puts it in the place of that door's and source's; False: one was let go.

        That is the new one, unless none waits for its door: then the longest line gives up its last.
        """
        line = self._lines.get(door)
        if line is not None and source in line.messages:
            line.messages[source] = message
            return True
        full = self._count >= self._most
        if full:
            if line is not None:
                return False
            longest = max(self._lines, key=lambda each: len(self._lines[each].order))
            self._take(longest, self._lines[longest].order.pop())
        if line is None:
            line = self._lines[door] = _Line()
            self._turn.append(door)
        line.order.append(source)
        line.messages[source] = message
        self._count += 1
        return not full

    def next(self) -> bytes | None:
        """The message whose turn it is, None: none waits."""
        if not self._count:
            return None
        line = self._lines[self._turn[0]]
        return line.messages[line.order[0]]

    def sent(self) -> None:
        """The message whose turn it was is on its way; it is another door's turn."""
        door = self._turn[0]
        self._turn.rotate(-1)
        self._take(door, self._lines[door].order.popleft())

    def _take(self, door: int, source: bytes) -> None:
        line = self._lines[door]
        del line.messages[source]
        self._count -= 1
        if not line.order:
            del self._lines[door]
            self._turn.remove(door)
