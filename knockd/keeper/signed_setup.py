"""What doors of signed knocks are made of in the daemon, for the first configuration that has one.

A daemon without such doors has none of the code in its memory.

Loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from knockd.log.logger import Log
from knockd.log.rate_limit import RateLimit
from knockd.process.loop import Loop
from knockd_conf.model import Config, Door

if TYPE_CHECKING:
    from knockd.keeper.fleet_setup import FleetSetup
    from knockd.keeper.signed_knocks import SignedKnocks
    from knockd.knocks.signed_watch import SignedWatch
    from knockd.leases.manager import LeaseManager
    from knockd.signed.signed_doors import SignedDoors
    from knockd.signed.values import KnownKey


class SignedSetup:
    """``made`` are these doors, None before ``make`` is called. ``changed`` is called when something else is
    watched.

    ``lines`` logs what is refused, within the limit of lines that strangers cause; ``refused`` counts it by
    the names of reasons.
    """

    def __init__(self, loop: Loop, log: Log, make: Callable[[], SignedDoors]) -> None:
        self._log, self._make = log, make
        self.made: SignedDoors | None = None
        self._hearing: type[SignedKnocks] | None = None
        self.lines = RateLimit(loop, log)
        self.refused: Counter[str] = Counter()
        self.changed: Callable[[], None] = lambda: None

    def get(self) -> SignedDoors:
        """The doors of signed knocks, for who has one."""
        if self.made is None:
            from knockd.keeper.signed_knocks import SignedKnocks  # before the first packet comes

            share_code()
            self._hearing = SignedKnocks
            self.made = self._make()
            self.made.changed = self.tell
        return self.made

    def make_knocks(self, leases: LeaseManager, fleet: FleetSetup) -> SignedKnocks:
        """Who hears of packets, once there is such a door."""
        assert self._hearing is not None
        return self._hearing(self._log, self, leases, fleet)

    def tell(self) -> None:
        """Packet processes watch something else."""
        self.changed()

    def adopt(self, config: Config) -> None:
        """Takes the doors of a configuration; all files are read anew."""
        if self.made is not None or any(door.is_signed for door in config.doors):
            self.get().adopt(config)

    def watch(self) -> SignedWatch | None:
        """What packet processes watch now; None: there has been no such door."""
        return None if self.made is None else self.made.watch()

    def why_waiting(self, door: Door) -> str | None:
        """Why no signed knock opens a door now; None: one does, or it has no port of them."""
        return None if self.made is None or not door.is_signed else self.made.why_waiting(door)

    def keys(self) -> tuple[KnownKey, ...]:
        """The keys of all files."""
        return () if self.made is None else self.made.keys()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        if self.made is not None:
            self.made.reap()

    def stop(self) -> None:
        """The daemon ends."""
        if self.made is not None:
            self.made.stop()
        self.lines.stop()


def share_code() -> None:
    """Imports what both processes need later: a fork shares with the keeper what is there before it.

    What either imports for itself afterwards costs both the pages that it changes, 2 MB of them.
    """
    from knockd.knocks import signed_packets  # noqa: F401
    from knockd.process import signed_view  # noqa: F401
    from knockd.signed.signature import explain_missing

    explain_missing()
