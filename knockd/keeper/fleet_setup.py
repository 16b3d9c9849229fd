"""The fleet, for a configuration that has one; a daemon without it has none of the code in its memory.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from knockd.keeper.places import Places
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd.process.privileges import User
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door

if TYPE_CHECKING:
    from knockd.keeper.fleet import Fleet
    from knockd.leases.manager import LeaseManager


class Burnt(NamedTuple):
    """A knock that is used up by opening. ``value`` names it, and is the same at each gateway.

    After so many ``seconds`` it counts nowhere. ``tell``: it is live elsewhere until the others hear of it.
    """

    value: str
    seconds: int
    tell: bool = False


Watched = Callable[[], Iterable[tuple[str, str]]]
"""The live sequences of one-time files: the name of a door, and what names the knock."""

Then = Callable[[str | None], None]
"""Is called with why a knock opens nothing; None: it opens."""


class FleetSetup:
    """``made`` is the fleet, None before a configuration has one.

    ``watched`` says which one-time sequences are live, ``struck`` is called with one that is used elsewhere.
    """

    def __init__(
        self, loop: Loop, log: Log, leases: LeaseManager, places: Places, user: Callable[[], User | None]
    ) -> None:
        self.made: Fleet | None = None
        self.watched: Watched = tuple
        self.struck: Callable[[str, str], None] = lambda _door, _value: None
        self.commands: Callable[[], Iterable[str]] = tuple
        """What is not to be found in the memory of the child."""
        self.changed: Callable[[], None] = lambda: None
        """Called when the fleet is another way."""
        self._loop, self._log, self._leases, self._places, self._user = loop, log, leases, places, user

    def adopt(self, config: Config) -> None:
        """Takes a configuration."""
        if self.made is None and config.options.fleet:
            from knockd.keeper.fleet import Fleet

            self.made = Fleet(self._loop, self._log, self._leases, self._places, self._user, self)
        if self.made is not None:
            self.made.adopt(config)

    def admit(self, door: Door, burnt: Burnt | None, then: Then) -> None:
        """Asks the fleet whether a knock opens a door; calls ``then`` at once where it has no say in that."""
        if self.made is None or not (burnt or door.fleet_required):
            then(None)
        else:
            self.made.admit(door, burnt, then)

    def look(self) -> None:
        """Other one-time sequences are live."""
        if self.made is not None:
            self.made.look()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        if self.made is not None:
            self.made.reap()

    def stop(self) -> None:
        """The daemon ends."""
        if self.made is not None:
            self.made.stop()
