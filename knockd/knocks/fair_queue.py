"""Bounded queue of openings for a slow keeper: one message a door and knocker, doors served round robin.

Many openings of one door delay that of another by one message and do not push it out. It serves for signed
packets, too: a key stands for the door then, and a packet for its knocker.

Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field

from knockd_conf.classes import dataclass


@dataclass(slots=True)
class _Line:
    """The messages of one door in FIFO order: taking the first key of a dict would be slow."""

    order: deque[bytes] = field(default_factory=deque)
    messages: dict[bytes, bytes] = field(default_factory=dict)


class FairQueue:
    """At most ``most`` messages."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lines: dict[int, _Line] = {}
        self._doors: deque[int] = deque()

    def __len__(self) -> int:
        return self._count

    def put(self, door: int, source: bytes, message: bytes) -> bool:
        """Adds a message or replaces the one of that door and source; False: one was dropped.

        The new one is dropped when its door has others, else the last one of the longest line.
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
            self._doors.append(door)
        line.order.append(source)
        line.messages[source] = message
        self._count += 1
        return not full

    def next_message(self) -> bytes | None:
        """The message to send next, None: the queue is empty."""
        if not self._count:
            return None
        line = self._lines[self._doors[0]]
        return line.messages[line.order[0]]

    def remove_sent(self) -> None:
        """Removes the message that ``next_message`` gave; the next one is another door's."""
        door = self._doors[0]
        self._doors.rotate(-1)
        self._take(door, self._lines[door].order.popleft())

    def _take(self, door: int, source: bytes) -> None:
        line = self._lines[door]
        del line.messages[source]
        self._count -= 1
        if not line.order:
            del self._lines[door]
            self._doors.remove(door)
