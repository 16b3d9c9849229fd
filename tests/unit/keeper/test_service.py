"""Which messages the service manager gets and when, on a loop whose time stands still."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.keeper.life import Life
from knockd.keeper.notify import Manager, send_fields
from knockd.keeper.service import MOST_UNSENT, RETRY_AFTER, STATUS_EVERY, Service
from knockd.keeper.status_line import StatusLine
from tests.support.doubles.full_queue import fill_queue
from tests.support.doubles.manual_loop import ManualLoop

PID = 4_321


class WatchedService:
    """A service on a still loop, the service manager's socket, and the service's pings and complaints."""

    def __init__(self, folder: Path) -> None:
        self.loop = ManualLoop()
        self.address = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.setblocking(False)
        self.status = "well"
        self.good_for: float | None = None
        self.asked: list[float] = []
        self.there = True
        self.lost: list[str] = []

    def service(self, manager: Manager | None = None, *, watchdog: float | None = None) -> Service:
        """The service, for a manager that listens here or another one."""
        return Service(
            self.loop.loop,
            manager or Manager(PID, self.address, watchdog),
            send_fields,
            clock=lambda: 7_000_999,
            pid=PID,
            status=lambda: StatusLine(self.status, self.good_for),
            fail=self.lost.append,
            ask=self.ask,
            patience=lambda: 20.0,
        )

    def ask(self, seconds: float) -> bool:
        """Notes that the packet process is asked."""
        self.asked.append(seconds)
        return self.there

    def received(self) -> list[str]:
        """The messages since the last call, a datagram each."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4_096).decode().replace("\n", " "))
            except BlockingIOError:
                return messages


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedService]:
    """A service whose socket is closed at the end."""
    made = WatchedService(tmp_path)
    yield made
    made.socket.close()


def test_no_service_manager(watched: WatchedService) -> None:
    """Without a service manager nothing is sent and no timer is set."""
    service = watched.service(Manager(PID))
    service.enter(Life.STARTING, Life.UP)
    service.update_status()
    service.send_sign_of_life()
    service.enter(Life.UP, Life.ENDING)
    assert (watched.received(), watched.loop.timers, watched.lost) == ([], [], [])


def test_a_life(watched: WatchedService) -> None:
    """Started, reloaded, stopped."""
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    service.enter(Life.UP, Life.RELOADING)
    service.enter(Life.RELOADING, Life.UP)
    service.enter(Life.UP, Life.ENDING)
    messages = watched.received()
    assert [one for one in messages if "RELOADING" not in one] == [
        "READY=1 STATUS=well",
        "READY=1 STATUS=well",
        "STOPPING=1 STATUS=closing doors EXTEND_TIMEOUT_USEC=30000000",
    ]
    assert "RELOADING=1 MONOTONIC_USEC=7000" == messages[1]


def test_no_status_at_the_end(watched: WatchedService) -> None:
    """While doors are closed the line of status is not sent."""
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    service.enter(Life.UP, Life.RELOADING)
    service.enter(Life.RELOADING, Life.ENDING)
    watched.received()
    watched.status = "other"
    service.update_status()
    assert watched.received() == []


def test_nothing_before_the_start(watched: WatchedService) -> None:
    """A start that fails was never up: nothing is sent."""
    service = watched.service()
    service.update_status()
    service.enter(Life.STARTING, Life.ENDING)
    assert watched.received() == []


def test_another_process(watched: WatchedService) -> None:
    """A process that is not the one that was started says so, once."""
    service = watched.service(Manager(1, watched.address))
    service.enter(Life.STARTING, Life.UP)
    service.enter(Life.UP, Life.RELOADING)
    service.enter(Life.RELOADING, Life.UP)
    first, _, last = watched.received()
    assert (first, last) == (f"READY=1 MAINPID={PID} STATUS=well", "READY=1 STATUS=well")


def test_status(watched: WatchedService) -> None:
    """A changed status is sent at once; further changes wait for a pause, then the latest is sent."""
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    watched.received()
    service.update_status()
    same = watched.received()
    for status in ("one", "two", "three"):
        watched.status = status
        service.update_status()
    at_once = watched.received()
    pause = watched.loop.waiting
    watched.loop.fire()
    assert same == []
    assert at_once == ["STATUS=one"]
    assert pause == [STATUS_EVERY]
    assert watched.received() == ["STATUS=three"]


def test_no_timer_when_nothing_changes(watched: WatchedService) -> None:
    """After a pause without news there is no timer left."""
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    watched.status = "other"
    service.update_status()
    watched.loop.fire()
    assert watched.loop.waiting == []


def test_watchdog(watched: WatchedService) -> None:
    """Twice in the time the packet process is asked; its answer is passed on, silence is not."""
    service = watched.service(watchdog=30.0)
    service.enter(Life.STARTING, Life.UP)
    watched.received()
    watched.loop.fire()
    silent = watched.received()
    service.send_sign_of_life()
    assert watched.asked == [7.5]
    assert silent == []
    assert watched.received() == ["WATCHDOG=1"]
    assert watched.loop.waiting == [15.0]


def test_watchdog_alone(watched: WatchedService) -> None:
    """While there is no packet process the keeper answers by itself."""
    watched.there = False
    watched.service(watchdog=30.0).enter(Life.STARTING, Life.UP)
    watched.received()
    watched.loop.fire()
    assert watched.received() == ["WATCHDOG=1"]


def test_no_watchdog(watched: WatchedService) -> None:
    """Without one nobody is asked and no sign of life is sent."""
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    watched.received()
    service.send_sign_of_life()
    assert (watched.received(), watched.loop.waiting) == ([], [])


def test_full(watched: WatchedService) -> None:
    """Messages to a manager that does not read are sent again until it does, in the same order."""
    service = watched.service()
    full = fill_queue(watched.address)
    service.enter(Life.STARTING, Life.UP)
    service.enter(Life.UP, Life.RELOADING)
    service.enter(Life.RELOADING, Life.UP)
    waiting = watched.loop.waiting
    watched.loop.fire()
    still = watched.loop.waiting
    before = watched.received()
    watched.loop.fire()
    names = [one.split("=")[0] for one in watched.received()]
    assert (waiting, still, len(before), names) == (
        [RETRY_AFTER],
        [RETRY_AFTER],
        full,
        ["READY", "RELOADING", "READY"],
    )


def test_full_for_ever(watched: WatchedService) -> None:
    """What waits is bounded, and the newest of it."""
    service = watched.service()
    fill_queue(watched.address)
    service.enter(Life.STARTING, Life.UP)
    for _ in range(MOST_UNSENT):
        service.enter(Life.UP, Life.RELOADING)
        service.enter(Life.RELOADING, Life.UP)
    watched.received()
    watched.loop.fire()
    messages = watched.received()
    while watched.loop.waiting:  # the queue may be shorter than what waits
        watched.loop.fire()
        messages += watched.received()
    assert (len(messages), messages[-1]) == (MOST_UNSENT, "READY=1 STATUS=well")


def test_lost(watched: WatchedService) -> None:
    """A service manager that is gone is logged once."""
    watched.socket.close()
    service = watched.service()
    service.enter(Life.STARTING, Life.UP)
    service.enter(Life.UP, Life.RELOADING)
    service.enter(Life.RELOADING, Life.UP)
    assert watched.lost == ["Connection refused"]


def test_problem(watched: WatchedService) -> None:
    """What it said wrong is complained of."""
    watched.service(Manager(PID, watched.address, None, "no number"))
    assert watched.lost == ["no number"]


def test_a_line_that_grows_old(watched: WatchedService) -> None:
    """A line that is good for a while only is made anew then; one that is good for ever sets no timer."""
    service = watched.service()
    watched.good_for = 7.0
    service.enter(Life.STARTING, Life.UP)
    assert watched.loop.waiting == [7.0]
    watched.good_for, watched.status = None, "older"
    watched.loop.fire()
    assert watched.received()[1:] == ["STATUS=older"]
    assert watched.loop.waiting == [STATUS_EVERY]
    watched.loop.fire()
    assert watched.loop.waiting == []


def test_a_line_that_changes_before_it_is_old(watched: WatchedService) -> None:
    """One timer runs, however often the line is made."""
    service = watched.service()
    watched.good_for = 7.0
    service.enter(Life.STARTING, Life.UP)
    for seconds in (5.0, 3.0):
        watched.good_for = seconds
        service.update_status()
    assert watched.loop.waiting == [3.0]
