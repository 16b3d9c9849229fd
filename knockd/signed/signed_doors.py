"""Doors that signed knocks open: which minutes and keys are live, and what becomes of a packet.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.knocks.signed_watch import SignedWatch
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd.signed.values import Arrival, KnownKey, Verdict
from knockd_conf.model import Config, Door


class SignedDoors:
    """The doors of a configuration that have a port of signed knocks.

    ``changed`` is called when ``watch`` returns something else.
    """

    def __init__(self, loop: Loop, log: Log) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._loop, self._log = loop, log

    def adopt(self, config: Config) -> None:
        """Takes the doors of a configuration; all files are read anew."""
        raise NotImplementedError

    def stop(self) -> None:
        """The daemon ends."""
        raise NotImplementedError

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        raise NotImplementedError

    def watch(self) -> SignedWatch:
        """What packet processes watch now; without minutes while the clock is not trusted."""
        raise NotImplementedError

    def judge(self, arrival: Arrival) -> Verdict:
        """What becomes of a packet; the nonce of one that is granted is noted when this returns."""
        raise NotImplementedError

    def why_waiting(self, door: Door) -> str | None:
        """Why no signed knock opens a door now; None: one does, or it has no port of them."""
        raise NotImplementedError

    def keys(self) -> tuple[KnownKey, ...]:
        """The keys of all files, also those that have expired, in the order of the files."""
        raise NotImplementedError
