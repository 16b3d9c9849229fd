"""The fleet child once it has its secrets: keeper, member and store joined. A test plays the store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("valkey", reason="the package valkey is not installed")

from knockd.fleet import gateway, verbs
from knockd.fleet.files import Secrets
from knockd.fleet.member import Member, Send
from knockd.fleet.records import Seal
from knockd.fleet.store import Events
from knockd.fleet.verbs import MAX_MESSAGE, Report, Verdict, read_report, write
from knockd.process.link import pair
from knockd_conf.model import Options

KEY = bytes(32)
MARK = Seal(KEY, "lab").mark("one-time ssh 1:tcp")


class PlayedStore:
    """A store that keeps marks and passes nothing on by itself."""

    made: PlayedStore

    def __init__(self, _access: Any, prefix: str, own: str, events: Events) -> None:
        PlayedStore.made = self
        self.prefix, self.own, self.events = prefix, own, events
        self.marks: dict[str, int] = {}
        self.published: list[tuple[str, bytes]] = []
        self.latency, self.refusal, self.reached = 0.001, "", True

    async def run(self) -> None:
        """Holds a session for ever."""
        self.events.began("store.example:6379")
        await asyncio.sleep(3600)

    async def burn(self, mark: str, seconds: int) -> Verdict:
        """SET NX."""
        if not self.reached:
            return Verdict.UNREACHABLE
        if mark in self.marks:
            return Verdict.USED
        self.marks[mark] = seconds
        return Verdict.FRESH

    async def burn_again(self, marks: list[tuple[str, int]]) -> None:
        """As the real one."""
        for mark, seconds in marks:
            await self.burn(mark, seconds)

    async def is_burnt(self, mark: str) -> bool:
        """EXISTS."""
        return mark in self.marks

    async def reach(self) -> Verdict:
        """PING."""
        return Verdict.FRESH if self.reached else Verdict.UNREACHABLE

    def publish(self, to: str, data: bytes) -> None:
        """PUBLISH."""
        self.published.append((to, data))


class Keeper:
    """The keeper's end of a gateway's link."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def say(self, *orders: verbs.Order) -> None:
        """Tells the child something."""
        for order in orders:
            self.link.send(write(order))

    async def hear(self, kind: type[Report]) -> Any:
        """The next report of a kind."""
        loop = asyncio.get_running_loop()
        while True:
            report = read_report(await asyncio.wait_for(loop.sock_recv(self.link, MAX_MESSAGE), 20))
            if isinstance(report, kind):
                return report


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Keeper], Awaitable[None]]], None]]:
    """Runs a scene beside a gateway, which ends with it."""
    monkeypatch.setattr(gateway, "Store", PlayedStore)
    ours, theirs = pair()

    def run(scene: Callable[[Keeper], Awaitable[None]]) -> None:
        async def both() -> None:
            made = gateway._Gateway(theirs, Options(fleet_name="lab"), "here", Secrets(KEY, None, None))
            running = asyncio.ensure_future(made.run())
            keeper = Keeper(ours)
            await keeper.hear(verbs.StoreIs)
            await scene(keeper)
            ours.shutdown(socket.SHUT_RDWR)
            await asyncio.wait_for(running, 20)

        asyncio.run(both())

    yield run
    ours.close()
    theirs.close()


Play = Callable[[Callable[[Keeper], Awaitable[None]]], None]


def test_burn(play: Play) -> None:
    """The first time it is fresh, then used; what names it goes to the store as a mark alone."""

    async def scene(keeper: Keeper) -> None:
        order = verbs.Burn(1, "one-time ssh 1:tcp", 60, tell=False)
        keeper.say(order, verbs.Reach(2))
        assert await keeper.hear(verbs.Answered) == verbs.Answered(1, Verdict.FRESH)
        assert await keeper.hear(verbs.Answered) == verbs.Answered(2, Verdict.FRESH)
        keeper.say(order._replace(number=3))
        assert await keeper.hear(verbs.Answered) == verbs.Answered(3, Verdict.USED)
        assert PlayedStore.made.marks == {MARK: 60}

    play(scene)


def test_what_the_store_did_not_hear(play: Play) -> None:
    """What was burnt while it was away is burnt as soon as it is back."""

    async def scene(keeper: Keeper) -> None:
        store = PlayedStore.made
        store.reached = False
        keeper.say(verbs.Burn(1, "one-time ssh 1:tcp", 60, tell=False))
        assert await keeper.hear(verbs.Answered) == verbs.Answered(1, Verdict.UNREACHABLE)
        store.events.ended("no answer in time")
        assert (await keeper.hear(verbs.StoreIs)).problem == "no answer in time"
        store.reached = True
        store.events.began("other.example:6379")
        assert await keeper.hear(verbs.StoreIs) == verbs.StoreIs("other.example:6379", "")
        await asyncio.sleep(0.05)
        assert list(store.marks) == [MARK]

    play(scene)


def test_watched(play: Play) -> None:
    """A one-time sequence that was used before, or is now, is said to be."""

    async def scene(keeper: Keeper) -> None:
        store = PlayedStore.made
        store.marks[MARK] = 60
        keeper.say(verbs.Watch("ssh", "one-time ssh 1:tcp"))
        assert await keeper.hear(verbs.UsedUp) == verbs.UsedUp("ssh", "one-time ssh 1:tcp")

    play(scene)


def test_another_gateway(play: Play) -> None:
    """It is met; what it opens and uses up comes to the keeper, and the other way round."""

    async def scene(keeper: Keeper) -> None:
        store, names = PlayedStore.made, iter(f"{number:016x}" for number in range(1, 1_000))
        other = Member(Seal(KEY, "lab"), "north", lambda: next(names))
        done = 0

        def exchange(actions: Any = ()) -> list[Any]:
            nonlocal done
            others = []
            pending = list(actions)
            while pending or done < len(store.published):
                for action in pending:
                    if isinstance(action, Send):
                        store.events.heard(action.data)
                    else:
                        others.append(action)
                pending = []
                fresh, done = store.published[done:], len(store.published)
                for to, data in fresh:
                    if to in {"", other.run}:
                        pending += other.hear(data, gateway._now(), 0.0)
            return others

        exchange(other.connect(gateway._now()))
        assert await keeper.hear(verbs.Came) == verbs.Came("north")
        exchange(other.open(("ssh", "192.0.2.1"), 30.0, gateway._now()))
        opened = await keeper.hear(verbs.Opened)
        assert opened[:3] == ("north", "ssh", "192.0.2.1")
        assert 29 < opened.seconds <= 30
        keeper.say(verbs.Watch("ssh", "one-time ssh 1:tcp"), verbs.Close("ssh", "192.0.2.1"))
        keeper.say(verbs.Open("ssh", "192.0.2.2", 5.0), verbs.Hold("ssh", "192.0.2.3", 5.0), verbs.Ask(4))
        overview = await keeper.hear(verbs.Overview)
        assert overview.figures["openings"] == 2
        assert [row[0] for row in overview.gateways] == ["north"]
        said = [type(one).__name__ for one in exchange()]
        assert said == ["Closed", "Opened"]
        exchange(other.use(MARK, gateway._now()))
        assert await keeper.hear(verbs.UsedUp) == verbs.UsedUp("ssh", "one-time ssh 1:tcp")
        keeper.say(verbs.Burn(5, "one-time ssh 2:tcp", 60, tell=True))
        await keeper.hear(verbs.Answered)
        await asyncio.sleep(0.05)
        assert [type(one).__name__ for one in exchange()] == ["Used"]
        exchange(other.leave(gateway._now()))
        assert await keeper.hear(verbs.Left) == verbs.Left("north", silent=False)

    play(scene)


def test_many_openings(play: Play) -> None:
    """An overview of many comes in parts, and lists no more than it says."""

    async def scene(keeper: Keeper) -> None:
        for number in range(300):
            keeper.say(verbs.Open("ssh", f"192.0.2.{number % 250}", 60.0))
            keeper.say(verbs.Open("web", f"192.0.2.{number % 250}", 60.0))
        keeper.say(verbs.Ask(1))
        parts = [await keeper.hear(verbs.Overview)]
        while parts[-1].more:
            parts.append(await keeper.hear(verbs.Overview))
        assert sum(len(part.openings) for part in parts) == gateway.MOST_OPENINGS
        assert parts[0].figures["openings"] == 500

    play(scene)
