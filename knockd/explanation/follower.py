"""What a source's packets are judged by as time goes on: doors with a key have other watches in each period.

Pure.
"""

from __future__ import annotations

from knockd.explanation.accounts import Account, Listener, OfKey
from knockd.explanation.signed_accounts import SignedExplainer
from knockd.explanation.words import Doors
from knockd.knocks.verdicts import Kind
from knockd.knocks.watch import Watch
from knockd.replay.rotating import RotatingWatches
from knockd.replay.signed_times import SignedTimes
from knockd_conf.model import Config


class Follower:
    """A listener to one source that has the watches of ``rotating`` and the minutes of ``signed``.

    ``slack`` is in seconds.
    """

    def __init__(
        self,
        source: bytes,
        config: Config,
        rotating: RotatingWatches,
        signed: SignedTimes,
        *,
        slack: float,
        ipv6: bool,
    ) -> None:
        self._rotating = rotating
        self._watches = rotating.watches
        self._signed = SignedExplainer(signed)
        self.listener = Listener(
            source,
            self._watches,
            slack=slack,
            ipv6=ipv6,
            tell_key=self._tell_key,
            signed=self._signed,
        )
        doors = [*enumerate(config.doors)]
        self.doors = Doors(
            [door.name for door in config.doors],
            self.listener.known,
            source,
            frozenset(number for number, door in doors if door.sequence_key is not None),
            frozenset(number for number, door in doors if door.is_signed),
            tuple(sorted(self._signed.ports)),
        )

    def follow(self, now: float) -> bool:
        """Takes the watches that are in effect, at seconds of the steady clock; whether they are others."""
        if self._rotating.watches is self._watches:
            return False
        self._watches = self._rotating.watches
        self.listener.set_watches(self._watches, now)
        return True

    def use(self, account: Account) -> None:
        """Uses what a packet has counted by, where nobody else judges the source."""
        if account.signed is not None:
            self._signed.use(account.signed)
        for verdict in account.verdicts:
            watch = self.listener.known[verdict.watch]
            if verdict.kind is Kind.OPENS and watch.key:
                self._rotating.judge(watch.door, watch.serial, account.sighting.stamp)

    def _tell_key(self, watch: Watch, stamp: int) -> OfKey:
        heard = self._rotating.explain(watch.door, watch.serial, stamp)
        return OfKey(heard.key, heard.why)
