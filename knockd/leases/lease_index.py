"""All leases: found by their id, their knocker and their deadline, and counted by their state.

What becomes of a lease is decided in table.py alone.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from knockd.leases.deadlines import Deadlines
from knockd.leases.journal import State
from knockd.leases.room import Room
from knockd.leases.values import Key, Lease

TIMED = frozenset({State.OPEN, State.RETRYING})
"""States of leases whose deadline is waited for."""


class LeaseIndex:
    """Each call costs at most the logarithm of how many leases there are. ``room`` counts them."""

    def __init__(self) -> None:
        self.room = Room()
        self._leases: dict[str, Lease] = {}
        self._by_knocker: dict[Key, str] = {}
        self._deadlines = Deadlines()
        self._looks = Deadlines()

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._leases

    def all(self) -> Collection[Lease]:
        """All leases, oldest first."""
        return self._leases.values()

    def get(self, id_: str) -> Lease | None:
        """The lease with this id."""
        return self._leases.get(id_)

    def find(self, key: Key) -> Lease | None:
        """The lease that this knocker has at this door."""
        return self._leases.get(self._by_knocker.get(key, ""))

    def add(self, lease: Lease) -> None:
        """Adds a lease; it is the one that its knocker has."""
        self._leases[lease.id] = lease
        self.room.add(lease)
        self.choose(lease)

    def choose(self, lease: Lease) -> None:
        """Of the leases that a knocker has at a door ``find`` gives this one from now on."""
        self._by_knocker[lease.knock.key] = lease.id

    def change(self, lease: Lease, **values: object) -> None:
        """Sets fields of a lease."""
        self.room.remove(lease)
        for name, value in values.items():
            setattr(lease, name, value)
        self.room.add(lease)
        if "deadline" in values and lease.state in TIMED:
            self._deadlines.add(lease.deadline, lease.id, len(self._leases), self._has_deadline)
        if lease.look_at < inf and "look_at" in values:
            self._looks.add(lease.look_at, lease.id, len(self._leases), self._has_look)

    def remove(self, lease: Lease) -> None:
        """Forgets a lease."""
        del self._leases[lease.id]
        self.room.remove(lease)
        if self._by_knocker.get(lease.knock.key) == lease.id:
            del self._by_knocker[lease.knock.key]

    def next_deadline(self) -> float | None:
        """The earliest deadline that is waited for; None: there is none."""
        return self._deadlines.find_first(self._has_deadline)

    def take_due(self, now: float) -> Lease | None:
        """A lease whose deadline has passed, once; None: there is none any more."""
        due = self._deadlines.take_due(now, self._has_deadline)
        return None if due is None else self._leases[due]

    def next_look(self) -> float | None:
        """The earliest time at which connections are to be looked for."""
        return self._looks.find_first(self._has_look)

    def take_looks(self, until: float) -> list[Lease]:
        """The leases whose connections are to be looked for by then, once."""
        taken = []
        while (due := self._looks.take_due(until, self._has_look)) is not None:
            taken.append(self._leases[due])
            taken[-1].look_at = inf
        return taken

    def _has_look(self, id_: str, look_at: float) -> bool:
        """Whether the connections of this lease are to be looked for then."""
        lease = self._leases.get(id_)
        return lease is not None and lease.look_at == look_at

    def _has_deadline(self, id_: str, deadline: float) -> bool:
        """Whether this lease is to be looked at then."""
        lease = self._leases.get(id_)
        return lease is not None and lease.state in TIMED and lease.deadline == deadline
