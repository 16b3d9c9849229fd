"""Follows interfaces, addresses and default routes: what the packet process listens on is what there is.

The kernel tells of changes; shortly after the first one we ask how things are, and do only what
that calls for. Nothing runs while nothing changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from knockd.edge import netlink
from knockd.edge.link import Message, View
from knockd.edge.monitor import Monitor
from knockd.engine.interfaces import Change, Scene, change, choose, follows_routes, waiting_for, without
from knockd.engine.rtnetlink import Address, Link, Thing
from knockd.keeper.supervisor import Supervisor
from knockd.worker.process import WorkerProcess

DEBOUNCE = 0.1
"""Seconds from the first news to a look at the whole; news that come in between share it."""

MOST_DEFERRED = 10
"""Looks for which a packet process that is starting may go on, so that no stream of news starves it."""

AGAIN = 1.0
"""Seconds until the kernel is asked again when it did not answer."""

RETRY = (0.5, 2.0, 8.0, 30.0)
"""Seconds until a capture that failed though its interface looks well is opened again."""

STEADY = 60.0
"""Seconds after which a failure counts as the first one again."""


class Say(Protocol):
    """Logs an event about an interface."""

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None: ...


class Follow:
    """Holds what the last packet process was started for (``scene``) and compares it with what there is.

    ``waiting`` is what is asked for and not there.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        supervisor: Supervisor,
        wanted: Callable[[], Sequence[str]],
        replace: Callable[[], None],
        say: Say,
    ) -> None:
        """``wanted`` gives the names asked for, ``replace`` starts a packet process for another scene."""
        self._loop = loop
        self._supervisor = supervisor
        self._wanted = wanted
        self._replace = replace
        self._say = say
        self._there: dict[str, netlink.Interface] = {}
        self.waiting: tuple[str, ...] = ()
        self._ended: set[int] = set()
        self._failed: dict[str, str] = {}
        self._unfit: dict[str, tuple[int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._deferred = self._failures = 0
        self._begun = 0.0
        self._blind = False
        self.scene = Scene()
        self._monitor = Monitor()
        loop.add_reader(self._monitor, self._news)

    def begin(self) -> Scene:
        """A packet process is about to be started: the scene for it. Raises OSError."""
        self._cancel(self._retry)
        self._retry = None
        self._ended.clear()
        self._failed.clear()
        self._begun = time.monotonic()
        self._deferred = 0
        self.scene = self._look_around()
        return self.scene

    def lost(self, worker: WorkerProcess, message: Message) -> None:
        """A capture of a packet process has failed; ``stage`` 1: it cannot be opened at all."""
        name = worker.interfaces[message.interface]
        if message.stage:
            self._say("capture-failed", level="error", interface=name, reason=message.text)
        if worker is not self._supervisor.latest or name not in self.scene.captures:
            return
        if message.stage:
            self._unfit[name] = self.scene.captures[name]
            self.scene = without(self.scene, name)
        else:
            self._failed[name] = message.text
            self._arm(DEBOUNCE)

    def pardon(self) -> None:
        """Interfaces that could not be opened at all may be tried once more."""
        self._unfit.clear()

    def stop(self) -> None:
        """Nothing is followed any more."""
        self._cancel(self._timer)
        self._cancel(self._retry)
        self._loop.remove_reader(self._monitor)
        self._monitor.close()

    def _news(self) -> None:
        if self._drain():
            self._arm(DEBOUNCE)

    def _drain(self) -> bool:
        """Takes what the kernel has told; whether anything is other than at the last look."""
        told = self._monitor.read()
        held = {index for index, _ in self.scene.captures.values()}
        for thing, gone in told.things:
            if isinstance(thing, Link) and (gone or not thing.up) and thing.index in held:
                self._ended.add(thing.index)
        return told.overflow or any(self._differs(thing, gone) for thing, gone in told.things)

    def _differs(self, thing: Thing, gone: bool) -> bool:
        """Whether news are news: wireless links and renewed leases tell the same again and again."""
        if not isinstance(thing, Link | Address):
            return True
        known = next((one for one in self._there.values() if one.index == thing.index), None)
        if known is None:
            return not gone
        if isinstance(thing, Address):
            return (thing.address in known.addresses) == gone
        return gone or thing != Link(known.index, known.name, known.kind, known.up, known.bridge_port)

    def _look_around(self) -> Scene:
        wanted = self._wanted()
        self._monitor.follow_routes(follows_routes(wanted))
        self._there = there = netlink.interfaces()
        routes = netlink.default_route_interfaces(there) if follows_routes(wanted) else ()
        chosen = choose(wanted, {name: one.bridge_port or not one.up for name, one in there.items()}, routes)
        up = {name: (one.index, one.kind) for name, one in there.items() if one.up}
        captures = {name: up[name] for name in chosen if name in up and up[name] != self._unfit.get(name)}
        waiting = waiting_for(wanted, chosen, up.keys())
        before, self.waiting = self.waiting, waiting
        if set(waiting) - set(before):
            self._say("waiting", interface=", ".join(waiting))
        return Scene(
            captures,
            {name: there[name].addresses for name in captures},
            frozenset(index for index, _ in up.values()),
        )

    def _look(self) -> None:
        self._timer = None
        try:
            self._drain()
            now = self._look_around()
        except OSError as error:
            if not self._blind:
                self._say("interfaces-problem", level="error", reason=error.strerror)
            self._blind = True
            self._arm(AGAIN)
            return
        self._blind = False
        self._act(now)

    def _act(self, now: Scene) -> None:
        """Does what the step from ``scene`` to ``now`` calls for."""
        what = change(self.scene, now, self._ended)
        if what is Change.OTHER:
            if self._supervisor.changing and self._deferred < MOST_DEFERRED:
                self._deferred += 1
                self._arm(DEBOUNCE)
            else:
                self._replace()
            return
        held, self.scene = self.scene, now
        if held.addresses != now.addresses:
            self._supervisor.tell_all(View(now.addresses))
        if what is Change.FEWER:
            self._say("listening", interface=", ".join(now.captures))
        failed = {name: reason for name, reason in self._failed.items() if name in now.captures}
        if failed and self._retry is None:
            self._open_later(failed)

    def _open_later(self, failed: dict[str, str]) -> None:
        """Captures have failed though nothing happened to their interfaces: not at once again and again."""
        if time.monotonic() - self._begun > STEADY:
            self._failures = 0
        seconds = RETRY[min(self._failures, len(RETRY) - 1)]
        self._failures += 1
        for name, reason in failed.items():
            self._say("capture-lost", level="error", interface=name, reason=reason, seconds=seconds)
        self._retry = self._loop.call_later(seconds, self._replace)

    def _arm(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._look)

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
