"""What the service manager is told and when, on a loop whose time stands still."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.edge.notify import Manager
from knockd.keeper.service import AGAIN, MOST_UNSENT, STATUS_EVERY, Service, status_line
from tests.support.still_loop import StillLoop


class Desk:
    """A service on a still loop, the socket that it tells, and what it asks and complains of."""

    def __init__(self, folder: Path) -> None:
        self.loop = StillLoop()
        self.address = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.setblocking(False)
        self.status = "well"
        self.asked: list[float] = []
        self.there = True
        self.lost: list[str] = []

    def service(self, manager: Manager | None = None, *, watchdog: float | None = None) -> Service:
        """The service, for a manager that listens here or another one."""
        return Service(
            self.loop.loop,
            manager or Manager(os.getpid(), self.address, watchdog),
            status=lambda: self.status,
            lost=self.lost.append,
            ask=self.ask,
        )

    def ask(self, seconds: float) -> bool:
        """Notes that the packet process is asked."""
        self.asked.append(seconds)
        return self.there

    def told(self) -> list[str]:
        """What was told since the last call, a datagram each."""
        told = []
        while True:
            try:
                told.append(self.socket.recv(4_096).decode().replace("\n", " "))
            except BlockingIOError:
                return told

    def fill(self) -> int:
        """Fills the manager's queue; with how many datagrams."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            count = 0
            while True:
                try:
                    out.sendto(b"full", self.address)
                except BlockingIOError:
                    return count
                count += 1


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose socket is closed at the end."""
    made = Desk(tmp_path)
    yield made
    made.socket.close()


def test_nobody_to_tell(desk: Desk) -> None:
    """Without a service manager nothing is told and no timer is set."""
    service = desk.service(Manager(os.getpid()))
    service.up()
    service.changed()
    service.alive()
    service.stopping()
    assert (desk.told(), desk.loop.timers, desk.lost) == ([], [], [])


def test_a_life(desk: Desk) -> None:
    """Started, reloaded, stopped."""
    service = desk.service()
    service.up()
    service.reloading()
    service.up()
    service.stopping()
    told = desk.told()
    assert [one for one in told if "RELOADING" not in one] == [
        "READY=1 STATUS=well",
        "READY=1 STATUS=well",
        "STOPPING=1 STATUS=closing doors",
    ]
    assert told[1].startswith("RELOADING=1 MONOTONIC_USEC=")


def test_up_again(desk: Desk) -> None:
    """Listening again without a reload is no news."""
    service = desk.service()
    service.up()
    desk.told()
    service.up()
    assert desk.told() == []


def test_nothing_after_the_end(desk: Desk) -> None:
    """Who is on the way out is never ready again."""
    service = desk.service()
    service.up()
    service.reloading()
    service.stopping()
    desk.told()
    desk.status = "other"
    service.up()
    service.changed()
    assert desk.told() == []


def test_nothing_before_the_start(desk: Desk) -> None:
    """A start that fails was never up: nothing is told."""
    service = desk.service()
    service.changed()
    service.stopping()
    assert desk.told() == []


def test_another_process(desk: Desk) -> None:
    """A process that is not the one that was started says so, once."""
    service = desk.service(Manager(1, desk.address))
    service.up()
    service.reloading()
    service.up()
    first, _, last = desk.told()
    assert (first, last) == (f"READY=1 MAINPID={os.getpid()} STATUS=well", "READY=1 STATUS=well")


def test_status(desk: Desk) -> None:
    """A status is told when it is another one, and after a pause what it has become meanwhile."""
    service = desk.service()
    service.up()
    desk.told()
    service.changed()
    same = desk.told()
    for status in ("one", "two", "three"):
        desk.status = status
        service.changed()
    at_once = desk.told()
    pause = desk.loop.waiting
    desk.loop.fire()
    assert (same, at_once, pause, desk.told()) == ([], ["STATUS=one"], [STATUS_EVERY], ["STATUS=three"])


def test_no_timer_when_nothing_changes(desk: Desk) -> None:
    """After a pause without news there is no timer left."""
    service = desk.service()
    service.up()
    desk.status = "other"
    service.changed()
    desk.loop.fire()
    assert desk.loop.waiting == []


def test_watchdog(desk: Desk) -> None:
    """Twice in the time the packet process is asked; its answer is passed on, silence is not."""
    service = desk.service(watchdog=30.0)
    service.up()
    desk.told()
    desk.loop.fire()
    silent = desk.told()
    service.alive()
    assert (desk.asked, silent, desk.told(), desk.loop.waiting) == ([7.5], [], ["WATCHDOG=1"], [15.0])


def test_watchdog_alone(desk: Desk) -> None:
    """While there is no packet process the keeper answers by itself."""
    desk.there = False
    desk.service(watchdog=30.0).up()
    desk.told()
    desk.loop.fire()
    assert desk.told() == ["WATCHDOG=1"]


def test_no_watchdog(desk: Desk) -> None:
    """Without one nobody is asked and no sign of life is sent."""
    service = desk.service()
    service.up()
    desk.told()
    service.alive()
    assert (desk.told(), desk.loop.waiting) == ([], [])


def test_full(desk: Desk) -> None:
    """Who does not read is told again until it does, in the same order."""
    service = desk.service()
    full = desk.fill()
    service.up()
    service.reloading()
    service.up()
    waiting = desk.loop.waiting
    desk.loop.fire()
    still = desk.loop.waiting
    before = desk.told()
    desk.loop.fire()
    told = [one.split("=")[0] for one in desk.told()]
    assert (waiting, still, len(before), told) == ([AGAIN], [AGAIN], full, ["READY", "RELOADING", "READY"])


def test_full_for_ever(desk: Desk) -> None:
    """What waits is bounded, and the newest of it."""
    service = desk.service()
    desk.fill()
    service.up()
    for _ in range(MOST_UNSENT):
        service.reloading()
        service.up()
    desk.told()
    desk.loop.fire()
    told = desk.told()
    while desk.loop.waiting:  # the queue may be shorter than what waits
        desk.loop.fire()
        told += desk.told()
    assert (len(told), told[-1]) == (MOST_UNSENT, "READY=1 STATUS=well")


def test_lost(desk: Desk) -> None:
    """A service manager that is gone is complained of once."""
    desk.socket.close()
    service = desk.service()
    service.up()
    service.reloading()
    service.up()
    assert desk.lost == ["Connection refused"]


def test_problem(desk: Desk) -> None:
    """What it said wrong is complained of."""
    desk.service(Manager(os.getpid(), desk.address, None, "no number"))
    assert desk.lost == ["no number"]


@pytest.mark.parametrize(
    ("doors", "interfaces", "waiting", "open_now", "failed", "line"),
    [
        (1, ["eth0"], [], 0, 0, "1 door on eth0; 0 open"),
        (2, ["eth0", "ppp0"], [], 3, 0, "2 doors on eth0, ppp0; 3 open"),
        (2, ["eth0"], ["ppp0"], 3, 1, "2 doors on eth0; waiting for ppp0; 3 open; 1 could not be closed"),
        (2, [], ["ppp0"], 0, 0, "2 doors; waiting for ppp0; 0 open"),
        (2, [], [], 0, 0, "2 doors; not listening; 0 open"),
    ],
)
def test_status_line(
    doors: int, interfaces: list[str], waiting: list[str], open_now: int, failed: int, line: str
) -> None:
    """The line says what is there, what is not, and what is open."""
    assert status_line(doors, interfaces, waiting, open_now, failed) == line
