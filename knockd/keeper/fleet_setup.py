"""The fleet, for a configuration that has one; a daemon without it has none of the code in its memory.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from knockd.keeper.places import Places
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd.process.privileges import User
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door

if TYPE_CHECKING:
    from knockd.fleet.verbs import Overview
    from knockd.keeper.fleet import Fleet
    from knockd.leases.manager import LeaseManager


class Burnt(NamedTuple):
    """A knock that is used up by opening. ``value`` names it, and is the same at each gateway.

    After so many ``seconds`` it counts nowhere. ``tell``: it is live elsewhere until the others hear of it.
    """

    value: str
    seconds: int
    tell: bool = False


class FleetState(NamedTuple):
    """How the store of the fleet is.

    ``problem``: why it is not reached; empty: it is, at ``endpoint``. ``seconds``: since when. ``gateways``:
    how many others are there. ``refused``: knocks that opened nothing, as ``used`` or ``unreachable``.
    """

    endpoint: str
    problem: str
    seconds: float
    gateways: int
    refused: Mapping[str, int]

    def why_shut(self, door: Door) -> str | None:
        """Why no knock opens a door now; None: this is no reason."""
        shut = self.problem and door.fleet_required
        return f"the store of the fleet is not reached: {self.problem}" if shut else None


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
        self._configured = False

    def adopt(self, config: Config) -> None:
        """Takes a configuration."""
        self._configured = bool(config.options.fleet)
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

    @property
    def state(self) -> FleetState | None:
        """How the store is; None: the configuration has no fleet."""
        made = self.made
        if made is None or not self._configured:
            return None
        seconds = self._loop.time() - made.since
        return FleetState(made.endpoint, made.problem, seconds, made.gateways.total(), dict(made.refused))

    def ask(self, then: Callable[[list[Overview]], None]) -> None:
        """Calls ``then`` with the parts of an overview; at once with none where there is no fleet."""
        if self.made is None or not self._configured:
            then([])
        else:
            self.made.ask(then)

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
