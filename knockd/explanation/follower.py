"""What a source's packets are judged by as time goes on: doors with a key have other watches in each period.

Pure.
"""

from __future__ import annotations

from knockd.explanation.accounts import Account, Listener, OfKey
from knockd.explanation.words import Doors
from knockd.knocks.verdicts import Kind
from knockd.knocks.watch import Watch
from knockd.replay.rotating import RotatingWatches
from knockd_conf.model import Config


class Follower:
    """A listener to one source that has the watches of ``rotating``. ``slack`` is in seconds."""

    def __init__(
        self, source: bytes, config: Config, rotating: RotatingWatches, *, slack: float, ipv6: bool
    ) -> None:
        self._rotating = rotating
        self._watches = rotating.watches
        self.listener = Listener(source, self._watches, slack=slack, ipv6=ipv6, tell_key=self._tell_key)
        keyed = frozenset(number for number, door in enumerate(config.doors) if door.sequence_key is not None)
        self.doors = Doors([door.name for door in config.doors], self.listener.known, source, keyed)

    def follow(self, now: float) -> bool:
        """Takes the watches that are in effect, at seconds of the steady clock; whether they are others."""
        if self._rotating.watches is self._watches:
            return False
        self._watches = self._rotating.watches
        self.listener.set_watches(self._watches, now)
        return True

    def use(self, account: Account) -> None:
        """Uses the sequence of a key that a packet has opened with, where nobody else judges the source."""
        for verdict in account.verdicts:
            watch = self.listener.known[verdict.watch]
            if verdict.kind is Kind.OPENS and watch.key:
                self._rotating.judge(watch.door, watch.serial, account.sighting.stamp)

    def _tell_key(self, watch: Watch, stamp: int) -> OfKey:
        heard = self._rotating.explain(watch.door, watch.serial, stamp)
        return OfKey(heard.key, heard.why)
