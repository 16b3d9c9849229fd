"""Counts of each door, and how many addresses opened it. Bounded: names beyond MOST_DOORS share one line.

Pure.
"""

from __future__ import annotations

from knockd.review.summary import DoorCount

MOST_DOORS = 4_096
MOST_PAIRS = 32_768
"""Pairs of a door and an address that opened it."""

OTHERS = "(other doors)"


class Door:
    """Counts of one door."""

    __slots__ = ("addresses", "failed", "guards", "last", "openings")

    def __init__(self) -> None:
        self.openings = self.addresses = self.failed = self.guards = 0
        self.last: float | None = None


class Doors:
    """Counts by the door's name."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        self.uncounted = False
        """Whether more addresses opened doors than can be told apart."""

    def door(self, name: str) -> Door:
        """The counts of a door, to be changed."""
        found = self._doors.get(name)
        if found is None:
            if len(self._doors) >= MOST_DOORS:
                name = OTHERS
            found = self._doors.setdefault(name, Door())
        return found

    def open(self, name: str, ip: str, time: float) -> None:
        """A door opened for an address."""
        door = self.door(name)
        door.openings += 1
        door.last = time
        pair = (name, ip)
        if pair in self._pairs:
            self._pairs[pair] += 1
        elif len(self._pairs) < MOST_PAIRS:
            self._pairs[pair] = 1
            door.addresses += 1
        else:
            self.uncounted = True

    def take_back(self, name: str, ip: str) -> None:
        """What seemed to be an opening was none."""
        door = self.door(name)
        door.openings -= 1
        pair = (name, ip)
        if pair in self._pairs:
            self._pairs[pair] -= 1
            if not self._pairs[pair]:
                del self._pairs[pair]
                door.addresses -= 1

    @property
    def crowded(self) -> bool:
        """Whether some doors share a line."""
        return OTHERS in self._doors

    def values(self) -> list[DoorCount]:
        """A line a door: those with the last openings first, then those with most failures."""
        found = [
            DoorCount(name, one.openings, one.addresses, one.failed, one.guards, one.last)
            for name, one in self._doors.items()
        ]
        return sorted(found, key=lambda one: (-(one.last_opening or 0), -one.failed, one.door))
