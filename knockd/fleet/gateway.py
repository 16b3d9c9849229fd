"""What the fleet child does once it has its secrets: link, member and store, joined on one event loop.

World: the link, the clock and random names.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from knockd.fleet import verbs
from knockd.fleet.files import Secrets
from knockd.fleet.member import Action, Member, Send, Used
from knockd.fleet.records import Seal
from knockd.fleet.store import Access, Events, ResolvingLoop, Store
from knockd.fleet.verbs import (
    MAX_MESSAGE,
    MOST_ROWS,
    Came,
    Closed,
    Left,
    Opened,
    Order,
    Report,
    Verdict,
)
from knockd_conf.model import Options

TICK: Final = 0.5
"""Seconds between two looks at the clock."""

MOST_UNSENT: Final = 10_000
"""Reports that wait for the keeper; with more the child ends, and another one follows."""

MOST_BURNT: Final = 10_000
"""Own burnt knocks that are remembered, to note them again when the store has lost them."""

MOST_OPENINGS: Final = 200
"""Openings in an overview; all are counted."""


def serve(link: socket.socket, options: Options, name: str, secrets: Secrets) -> None:
    """Passes on until the keeper is gone."""
    with asyncio.Runner(loop_factory=ResolvingLoop) as runner:
        runner.run(_Gateway(link, options, name, secrets).run())


class _Gateway:
    def __init__(self, link: socket.socket, options: Options, name: str, secrets: Secrets) -> None:
        self._link = link
        self._seal = Seal(secrets.key, str(options.fleet_name))
        self._member = Member(self._seal, name, lambda: os.urandom(8).hex(), time.time() - _now())
        prefix = f"knockd:{{{options.fleet_name}}}:"
        access = Access(options.fleet, secrets.password, secrets.ca, options.fleet_replicas)
        events = Events(self._begin_session, self._end_session, self._hear)
        self._store = Store(access, prefix, self._member.run, events)
        self._endpoint, self._problem = "", "it is being connected to"
        self._watched: dict[str, tuple[str, str]] = {}
        """The value and the mark that are watched of each door."""
        self._burnt: dict[str, float] = {}
        """Own marks, and when they count no more."""
        self._unsent: deque[bytes] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Runs until the link is closed."""
        loop = asyncio.get_running_loop()
        self._link.setblocking(False)
        loop.add_reader(self._link, self._read)
        self._start(self._store.run())
        self._start(self._tick())
        await self._over.wait()
        self._do(self._member.leave(_now()))
        await asyncio.sleep(0.05)  # for the last messages; the keeper waits for nobody
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise SystemExit(os.EX_SOFTWARE) from task.exception()  # the keeper starts another one

    async def _tick(self) -> None:
        while True:
            self._do(self._member.tick(_now()))
            await asyncio.sleep(TICK)

    # The store.

    def _begin_session(self, endpoint: str) -> None:
        self._endpoint, self._problem = endpoint, ""
        self._report(verbs.StoreIs(endpoint, ""))
        self._do(self._member.connect(_now()))
        self._start(self._restore())

    def _end_session(self, reason: str) -> None:
        if self._problem != reason:
            self._problem = reason
            self._report(verbs.StoreIs(self._endpoint, reason[: verbs.MOST_TEXT]))
        self._member.disconnect()

    async def _restore(self) -> None:
        """Notes again what was burnt here, and looks what was burnt elsewhere meanwhile."""
        now = _now()
        self._burnt = {mark: until for mark, until in self._burnt.items() if until > now + 1}
        await self._store.burn_again([(mark, int(until - now)) for mark, until in self._burnt.items()])
        for door in list(self._watched):
            await self._look(door)

    async def _look(self, door: str) -> None:
        value, mark = self._watched[door]
        if await self._store.is_burnt(mark):
            self._report(verbs.UsedUp(door, value))

    def _hear(self, data: bytes) -> None:
        self._do(self._member.hear(data, _now(), time.time()))

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(to, data):
                    self._store.publish(to, data)
                case Used(mark):
                    for door, (value, known) in self._watched.items():
                        if known == mark:
                            self._report(verbs.UsedUp(door, value))
                case Opened() | Closed() | Came() | Left():
                    self._report(action)

    # The keeper.

    def _read(self) -> None:
        for _ in range(100):
            try:
                data = self._link.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(self._link)
                self._over.set()
                return
            self._obey(verbs.read_order(data))

    def _obey(self, order: Order) -> None:
        now = _now()
        match order:
            case verbs.Burn():
                self._start(self._burn(order))
            case verbs.Reach(number):
                self._start(self._reach(number))
            case verbs.Watch(door, value):
                self._watched[door] = value, self._seal.mark(value)
                self._start(self._look(door))
            case verbs.Open(door, address, seconds):
                self._do(self._member.open((door, address), seconds, now))
            case verbs.Close(door, address):
                self._do(self._member.close((door, address), now))
            case verbs.Hold(door, address, seconds):
                self._member.hold((door, address), seconds, now)
            case verbs.Ask(number):
                self._send_overview(number)

    async def _burn(self, order: verbs.Burn) -> None:
        mark = self._seal.mark(order.value)
        verdict = await self._store.burn(mark, order.seconds)
        self._report(verbs.Answered(order.number, verdict))
        if verdict is Verdict.USED:
            return
        self._burnt[mark] = _now() + order.seconds
        if len(self._burnt) > MOST_BURNT:
            del self._burnt[next(iter(self._burnt))]
        if order.tell:
            self._do(self._member.use(mark, _now()))

    async def _reach(self, number: int) -> None:
        self._report(verbs.Answered(number, await self._store.reach()))

    def _send_overview(self, number: int) -> None:
        now, store = _now(), self._store
        openings = self._member.list_openings(now)
        figures = {
            "run": self._member.run,
            "latency": store.latency,
            "refusal": store.refusal,
            "forged": self._member.forged,
            "dropped": self._member.dropped,
            "openings": len(openings),
            "burnt": len(self._burnt),
        }
        gateways = [
            (peer.name, peer.run, now - peer.seen, peer.skew, peer.trip) for peer in self._member.peers.live()
        ]
        openings = openings[:MOST_OPENINGS]
        while True:
            part, gateways = gateways[:MOST_ROWS], gateways[MOST_ROWS:]
            rows, openings = openings[:MOST_ROWS], openings[MOST_ROWS:]
            more = bool(gateways or openings)
            self._report(verbs.Overview(number, figures, tuple(part), tuple(rows), more))
            if not more:
                return

    def _report(self, report: Report) -> None:
        self._unsent.append(verbs.write(report))
        if len(self._unsent) > MOST_UNSENT:
            raise SystemExit(os.EX_SOFTWARE)
        self._send()

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while self._unsent:
            try:
                self._link.send(self._unsent[0])
            except BlockingIOError:
                loop.add_writer(self._link, self._send)
                return
            except ConnectionError:
                self._over.set()
                return
            self._unsent.popleft()
        loop.remove_writer(self._link)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
