"""What other gateways are told of leases here: opened, given more time, closed before their time.

What came from another gateway is not told again. The end of a lease's time is not told: each gateway has a
clock. Nor is the end of the daemon: the others go on.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from knockd.leases.opened_by import is_by_fleet
from knockd.leases.values import Knock, Lease
from knockd_conf.classes import NamedTuple

CLOSED_ELSEWHERE: Final = "another gateway has closed it"
"""Why a lease is closed that is not told of again."""


class Shared(NamedTuple):
    """What is told. ``seconds``: what is left from now on, 0 when it is closed, None: nothing closes it."""

    door: str
    address: str
    seconds: float | None


class Sharing:
    """``tell`` takes what is told; without it nothing is."""

    def __init__(self) -> None:
        self.tell: Callable[[Shared], None] | None = None
        self._told: dict[str, float] = {}
        """Until when the others keep a lease open that stays open for a connection, by its id."""

    def note_granted(self, knock: Knock) -> None:
        """An opening is one."""
        if self.tell is not None and not is_by_fleet(knock.by):
            stop = knock.door.stop_for(knock.version)
            self.tell(Shared(knock.door.name, knock.source, None if stop is None else knock.door.cmd_timeout))

    def note_extended(self, lease: Lease | None, now: float) -> None:
        """Somebody has given a lease more time."""
        if self.tell is not None and lease is not None:
            self.tell(Shared(lease.knock.door.name, lease.knock.source, lease.due - now))

    def note_closed(self, leases: Iterable[Lease]) -> None:
        """Leases are closed before their time."""
        for lease in leases if self.tell is not None else ():
            self._told.pop(lease.id, None)
            self._close(lease.knock.door.name, lease.knock.source)

    def note_left(self, door: str, address: str) -> None:
        """A lease is closed that a connection has kept open: its knocker has left."""
        self._close(door, address)

    def note_looked(self, leases: Iterable[Lease], now: float) -> None:
        """Connections were looked for: who is in use stays open elsewhere, too.

        That is told once a third of Close_When_Idle: what the others know ends later than this lease would
        without its connection.
        """
        for lease in leases if self.tell is not None else ():
            if lease.held and lease.in_use:
                told = self._told.get(lease.id, 0.0)
                if lease.due - told >= lease.knock.door.close_when_idle / 3:
                    self._told[lease.id] = lease.due
                    self.note_extended(lease, now)

    def _close(self, door: str, address: str) -> None:
        if self.tell is not None:
            self.tell(Shared(door, address, 0.0))
