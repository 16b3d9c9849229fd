"""Doors of signed knocks without files, children and clocks: a test says what is live and what counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from knockd.keeper.signed_setup import SignedSetup
from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd.signed.signed_doors import SignedDoors
from knockd.signed.values import Arrival, KnownKey, Reason, Refused, Verdict
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.model import Config, Door
from tests.support.doubles.manual_loop import ManualLoop

PORT = 47811
PATH = "/etc/knockd/authorized_keys"
FINGERPRINT = "SHA256:" + "x" * 43
LAPTOP = AuthorizedKey(bytes(range(32)), "laptop", FINGERPRINT, line=3)
NO_WATCH = SignedWatch((), ())


def signed_door(name: str = "ssh", **fields: Any) -> Door:
    """A door that signed knocks alone open."""
    given = {"signed_port": PORT, "authorized_keys": PATH, **fields}
    return Door(name, "/etc/knockd.conf", 1, (), **given)


def watch_of(minute: int, *ports: int) -> SignedWatch:
    """What packet processes watch in a minute."""
    live = SignedMinute(minute, bytes(32), minute.to_bytes(4, "big"), (bytes(8),))
    return SignedWatch(tuple(map(SignedPort, ports or (PORT,))), (live,))


class ToldDoors:
    """The doors of signed knocks as a test tells them to be.

    ``verdict`` is what becomes of the next packets; ``arrivals`` are those that came.
    """

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.live = NO_WATCH
        self.verdict: Verdict = Refused(Reason.KEY)
        self.arrivals: list[Arrival] = []
        self.adopted: list[Config] = []
        self.waiting: str | None = None
        self.known: tuple[KnownKey, ...] = ()
        self.reaped = self.stopped = 0

    def adopt(self, config: Config) -> None:
        """Another configuration."""
        self.adopted.append(config)

    def stop(self) -> None:
        """The daemon ends."""
        self.stopped += 1

    def reap(self) -> None:
        """A child has ended."""
        self.reaped += 1

    def watch(self) -> SignedWatch:
        """What is live."""
        return self.live

    def judge(self, arrival: Arrival) -> Verdict:
        """What becomes of a packet."""
        self.arrivals.append(arrival)
        return self.verdict

    def why_waiting(self, _door: Door) -> str | None:
        """Why none opens."""
        return self.waiting

    def keys(self) -> tuple[KnownKey, ...]:
        """The keys of all files."""
        return self.known


class ToldSetup(SignedSetup):
    """Makes ``doors``; it is made as soon as a configuration has such a door."""

    def __init__(self, loop: Loop, log: Log, doors: ToldDoors) -> None:
        super().__init__(loop, log, lambda: cast(SignedDoors, doors))
        self.doors = doors


def _log_nothing(event: str, **fields: Any) -> None: ...


def no_signed(log: Log = _log_nothing) -> SignedSetup:
    """Doors of signed knocks, of which there are none."""
    return SignedSetup(ManualLoop().loop, log, _make_none)


def _make_none() -> SignedDoors:
    raise AssertionError("there are none")
