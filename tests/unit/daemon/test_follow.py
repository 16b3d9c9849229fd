"""What is done about interfaces and addresses that change: the least that keeps knocks heard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.edge import netlink
from knockd.edge.link import MAX_MESSAGE, Kind, Message, View
from knockd.edge.monitor import Told
from knockd.edge.netlink import Interface
from knockd.engine.rtnetlink import Address, DefaultRoute, Link, Thing
from knockd.keeper import follow
from knockd.keeper.follow import AGAIN, DEBOUNCE, MOST_DEFERRED, RETRY, Follow
from knockd.keeper.supervisor import ANSWER
from knockd.worker.process import WorkerProcess
from tests.support.house import READY, House

ETH0 = Interface(2, "eth0", 1, True, False, frozenset({b"\x0a\0\0\1"}))
TUN0 = Interface(3, "tun0", 65_534, True, False, frozenset())
WENT_DOWN = Message(Kind.LOST, text="eth0: The interface went down")


def link(interface: Interface) -> Link:
    """What the kernel tells of an interface."""
    return Link(interface.index, interface.name, interface.kind, interface.up, interface.bridge_port)


class Stage(House):
    """A supervisor that is told what to do by Follow, and a kernel whose word is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *there: Interface, wanted: tuple[str, ...]) -> None:
        super().__init__()
        self.there = there
        self.routes: tuple[str, ...] = ()
        self.broken = False
        self.news: list[Told] = []
        self.lines: list[str] = []
        self._ends = os.pipe()
        monkeypatch.setattr(follow, "Monitor", lambda: self)
        monkeypatch.setattr(netlink, "interfaces", self.interfaces)
        monkeypatch.setattr(netlink, "default_route_interfaces", lambda _: self.routes)
        self.follow = Follow(
            self.loop.loop, self.supervisor, lambda: wanted, self.supervisor.replace, self.say
        )
        self.supervisor.replace()

    def start(self) -> WorkerProcess | None:
        """Starts a packet process for what is there."""
        scene = self.follow.begin()
        if not scene.captures:
            return None
        worker = super().start()
        assert worker is not None
        worker.interfaces = tuple(scene.captures)
        return worker

    def interfaces(self) -> dict[str, Interface]:
        """The kernel's interfaces; OSError when it does not say."""
        if self.broken:
            raise OSError(105, "No buffer space available")
        return {one.name: one for one in self.there}

    def say(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Notes a line of the log."""
        assert level in {"info", "error"}
        self.lines.append(f"{event} {fields.get('interface', '')} {fields.get('seconds', '')}".strip())

    def happens(self, *things: tuple[Thing, bool], overflow: bool = False) -> None:
        """The kernel tells something."""
        self.news.append(Told(things, overflow))
        callback, given = self.loop.readers[self.fileno()]
        callback(*given)

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """A packet process lost a capture."""
        self.follow.lost(worker, message)

    @property
    def due(self) -> list[float]:
        """Seconds of the timers that wait, but for the answers that packet processes owe."""
        return [seconds for seconds in self.loop.waiting if seconds != ANSWER / 2]

    def look(self) -> None:
        """The one timer that waits runs, but for those of answers."""
        (timer,) = (one for one in self.loop.timers if not one.cancelled and one.seconds != ANSWER / 2)
        timer.cancel()
        timer.callback()

    # The monitor.

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._ends[0]

    def follow_routes(self, wanted: bool) -> None:
        """Whether to be told of routes."""

    def read(self) -> Told:
        """What the kernel has told."""
        return self.news.pop() if self.news else Told()

    def close(self) -> None:
        """Ends the subscription."""
        for end in self._ends:
            os.close(end)


class Build:
    """Makes stages and takes them down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.made: list[Stage] = []

    def __call__(self, *there: Interface, wanted: tuple[str, ...] = ("eth0",)) -> Stage:
        """A stage whose packet process, if any, captures."""
        stage = Stage(self._monkeypatch, *there, wanted=wanted)
        self.made.append(stage)
        if stage.workers:
            stage.says(0, READY)
        return stage


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Makes stages."""
    made = Build(monkeypatch)
    yield made
    for stage in made.made:
        stage.follow.stop()
        stage.supervisor.stop()
        assert (stage.loop.waiting, stage.loop.readers) == ([], {})
        for end in stage.ends:
            end.close()


SAME = {
    "link as before": (link(ETH0), False),
    "address that is there": (Address(2, b"\x0a\0\0\1"), False),
    "address that was not there": (Address(2, b"\x0a\0\0\7"), True),
    "link that was not there": (Link(9, "x", 1, False, False), True),
}


@pytest.mark.parametrize("thing", SAME.values(), ids=SAME)
def test_old_news(build: Build, thing: tuple[Thing, bool]) -> None:
    """News that change nothing, as wireless links and renewed addresses make them, start nothing."""
    stage = build(ETH0)
    stage.happens(thing)
    assert (stage.due, stage.lines) == ([], [])


NEWS = {
    "link down": (link(replace(ETH0, up=False)), False),
    "link gone": (link(ETH0), True),
    "new link": (link(TUN0), False),
    "new name": (link(replace(ETH0, name="wan")), False),
    "new address": (Address(2, b"\x0a\0\0\7"), False),
    "address gone": (Address(2, b"\x0a\0\0\1"), True),
    "default route": (DefaultRoute(0, (2,)), False),
}


@pytest.mark.parametrize("thing", NEWS.values(), ids=NEWS)
def test_one_look(build: Build, thing: tuple[Thing, bool]) -> None:
    """Whatever news come while a look is due share it."""
    stage = build(ETH0)
    stage.happens(thing)
    stage.happens(thing)
    assert stage.due == [DEBOUNCE]


def test_overflow(build: Build) -> None:
    """When the kernel had more to tell than there was room for, it is asked."""
    stage = build(ETH0)
    stage.there = ()
    stage.happens(overflow=True)
    stage.look()
    assert (stage.running(), stage.lines) == ([], ["waiting eth0"])


def test_addresses(build: Build) -> None:
    """Other addresses are told to the packet process, which goes on."""
    stage = build(ETH0)
    new = frozenset({b"\x0a\0\0\7"})
    stage.there = (replace(ETH0, addresses=new),)
    stage.happens((Address(2, b"\x0a\0\0\7"), False))
    stage.look()
    assert View.decode(stage.ends[0].recv(MAX_MESSAGE)) == View({"eth0": new})
    assert (stage.running(), stage.lines) == ([0], [])


def test_nothing_there(build: Build) -> None:
    """Without anything to listen on no packet process runs, and that is said once."""
    stage = build()
    stage.happens((link(TUN0), False))
    stage.look()
    assert (stage.workers, stage.lines) == ([], ["waiting eth0"])


def test_it_comes(build: Build) -> None:
    """An interface that comes is listened on."""
    stage = build()
    stage.there = (ETH0,)
    stage.happens((link(ETH0), False))
    stage.look()
    assert (stage.running(), stage.workers[0].interfaces) == ([0], ("eth0",))


def test_down_and_up_before_the_look(build: Build) -> None:
    """A link that was down has a dead capture: it is opened anew at once."""
    stage = build(ETH0)
    stage.happens((link(replace(ETH0, up=False)), False), (link(ETH0), False))
    stage.says(0, WENT_DOWN)
    stage.look()
    assert (stage.running(), stage.lines) == ([0, 1], [])


def test_one_of_two_goes(build: Build) -> None:
    """The packet process that loses one of two captures goes on with the other."""
    stage = build(ETH0, TUN0, wanted=("eth0", "tun0"))
    stage.there = (ETH0,)
    stage.happens((link(TUN0), True))
    stage.says(0, Message(Kind.LOST, interface=1, text="tun0: The interface went down"))
    stage.look()
    assert (stage.running(), stage.workers[0].listening, stage.lines) == (
        [0],
        ("eth0",),
        ["waiting tun0", "listening eth0"],
    )


def test_said_again_after_it_was_there(build: Build) -> None:
    """What is waited for is said again when it has been there in between."""
    stage = build()
    for there in ((ETH0,), (), (ETH0,), ()):
        stage.there = there
        stage.happens((link(ETH0), not there))
        stage.look()
        if there:
            stage.says(len(stage.workers) - 1, READY)
    assert stage.lines == ["waiting eth0"] * 3


def test_a_capture_that_fails_for_no_reason(build: Build) -> None:
    """A capture that fails though its interface looks well is opened again later, and ever later."""
    stage = build(ETH0)
    for number, seconds in enumerate((*RETRY, RETRY[-1])):
        stage.says(number, WENT_DOWN)
        stage.look()
        assert stage.due == [seconds]
        stage.look()
        stage.says(number + 1, READY)
    assert stage.lines == [f"capture-lost eth0 {seconds}" for seconds in (*RETRY, RETRY[-1])]


def test_a_capture_that_can_never_be_opened(build: Build) -> None:
    """An interface whose frames nobody here can read is said once and left alone until it is another one."""
    stage = build(ETH0, TUN0, wanted=("any",))
    stage.says(
        0, Message(Kind.LOST, interface=1, stage=1, text="tun0: link type 1 is none that knockd can read")
    )
    stage.happens((link(TUN0), True))
    stage.look()
    left_alone = stage.running()
    stage.there = (ETH0, replace(TUN0, kind=1))
    stage.happens((link(replace(TUN0, kind=1)), False))
    stage.look()
    assert (left_alone, [worker.interfaces for worker in stage.workers], stage.lines) == (
        [0],
        [("eth0", "tun0"), ("eth0", "tun0")],
        ["capture-failed tun0"],
    )


def test_an_old_packet_process_loses_a_capture(build: Build) -> None:
    """What the packet process before the last one loses calls for nothing."""
    stage = build(ETH0)
    stage.supervisor.replace()
    stage.says(0, WENT_DOWN)
    assert stage.due == []


def test_a_stream_of_news(build: Build) -> None:
    """A packet process that is starting gets time to start, but not for ever."""
    stage = build(ETH0, wanted=("any",))
    stage.supervisor.replace()
    stage.there = (ETH0, TUN0)
    for _ in range(MOST_DEFERRED):
        stage.happens((link(TUN0), False))
        stage.look()
    waited = len(stage.workers)
    stage.look()
    assert (waited, len(stage.workers)) == (2, 3)


def test_the_kernel_does_not_answer(build: Build) -> None:
    """When the kernel cannot be asked that is said once, and it is asked again."""
    stage = build(ETH0)
    stage.broken = True
    stage.happens((link(ETH0), True))
    stage.look()
    waiting = stage.due
    stage.look()
    stage.broken = False
    stage.look()
    assert (waiting, stage.lines, stage.running()) == ([AGAIN], ["interfaces-problem"], [0, 1])
