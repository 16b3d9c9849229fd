"""A packet process in this one: its interfaces, its clock and the keeper's end of its link are a test's."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from knockd.process.figures import Figure
from knockd.process.link import handover_pair, pair
from knockd.process.privileges import User
from knockd.process.verbs import MAX_EVENT, Message, decode
from knockd.process.view import View
from knockd.worker import captures, poll
from knockd.worker.capture import CaptureError
from knockd.worker.handover import Ends
from knockd.worker.poll import Worker
from knockd.worker.setup import Setup
from tests.support.doubles.captures import Act, FakeCapture
from tests.support.doubles.played import LOCAL, door, watched
from tests.support.samples.headers import framed, ipv4, tcp

NOW = 1_790_000_000.0
"""Seconds since the epoch."""

BOB = User("bob", 103, 203)
SETUP = Setup(latency=10, buffer=64, max_attempts=100, user=BOB)
VIEW = View({"eth0": LOCAL, "eth1": LOCAL}, watched(door("7 8")))
DLT_EN10MB = 1


def knock(port: int, source: str = "192.0.2.1") -> bytes:
    """The frame of a knock."""
    return framed(DLT_EN10MB, ipv4(tcp(port), source=source, destination="10.0.0.1"))


class Clock:
    """A clock that a test sets: seconds since it was made."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """The steady clock."""
        return self.now

    def time(self) -> float:
        """The time of day."""
        return NOW + self.now - 1_000.0


class World:
    """Interfaces, a clock and the keeper's end of the link. A packet process runs until it has read all."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.interfaces: dict[str, FakeCapture | CaptureError] = {}
        self.ours, self.theirs = pair()
        self.next, self.after = handover_pair()
        self.setup = SETUP
        self.locked: list[tuple[User | None, tuple[int, ...], tuple[int, ...], bool]] = []
        self.refuses: Exception | None = None
        self.kept = ""

    def capture(self, name: str, **_: int) -> FakeCapture:
        """Opens an interface."""
        found = self.interfaces[name]
        if isinstance(found, CaptureError):
            raise found
        return found

    def lock_down(
        self, user: User | None, links: Collection[int], captures: Collection[int], *, required: bool
    ) -> str:
        """Notes what is to be given up, and gives up nothing."""
        if self.refuses is not None:
            raise self.refuses
        self.locked.append((user, tuple(links), tuple(captures), required))
        return self.kept

    def run(
        self,
        *batches: list[bytes] | CaptureError | Act,
        view: View = VIEW,
        before: socket.socket | None = None,
        loopbacks: tuple[str, ...] = (),
    ) -> int:
        """Runs a packet process on eth0, which has these batches, until the keeper is gone; its status."""
        if batches:
            self.interfaces["eth0"] = FakeCapture("eth0", *batches, self.end)
        for one in self.interfaces.values():
            if isinstance(one, FakeCapture):
                one.stamp = NOW
        return Worker(
            self.setup, tuple(self.interfaces), view, Ends(self.theirs, before, self.after), loopbacks
        ).run()

    def end(self) -> None:
        """The keeper says no more."""
        self.ours.shutdown(socket.SHUT_WR)

    @property
    def eth0(self) -> FakeCapture:
        """The first interface."""
        found = self.interfaces["eth0"]
        assert isinstance(found, FakeCapture)
        return found

    def said(self, *, figures: bool = False) -> list[Message]:
        """What the packet process has said: all but its figures, which it says at its end, too."""
        found: list[Message] = []
        while True:
            try:
                data = self.ours.recv(MAX_EVENT)
            except BlockingIOError:
                return found
            if not data:
                return found
            message = decode(data, 9, 9)
            if figures or not isinstance(message, Figure):
                found.append(message)

    def pass_time(self, seconds: float) -> Act:
        """Something to do: time passes."""

        def passed() -> None:
            self.clock.now += seconds

        return passed


@contextmanager
def new_world() -> Iterator[World]:
    """A world without interfaces, which packet processes are in until it ends."""
    made = World()
    with (
        patch.object(captures, "open_capture", made.capture),
        patch.object(poll, "lock_down", made.lock_down),
        patch.object(poll, "time", made.clock),
    ):
        yield made
    for end in (made.ours, made.theirs, made.next, made.after):
        end.close()
    for one in made.interfaces.values():
        if isinstance(one, FakeCapture) and not one.closed:
            one.close()
