"""Status and Counters of the control protocol, and who watches the status.

A watcher hears of a change at most once a second. Nothing runs while nobody watches.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from knockd.control.call import Call, Method
from knockd.keeper.control_values import RefusedError, no_such_door, read_address
from knockd.keeper.counters import Counters, build_counts
from knockd.keeper.figures import FigureDesk, Figures
from knockd.keeper.status import Snapshot, Wanted, build_status
from knockd.process.loop import Loop, Timer

if TYPE_CHECKING:
    from knockd.fleet.verbs import Overview

EVERY = 1.0
"""Seconds between two answers to a watcher at least."""


class StatusMethods:
    """Answers Status and Counters. ``read`` reads the daemon, with what the packet process has said.

    ``ask_fleet`` calls its argument with an overview of the fleet; with an empty one where there is none.
    """

    def __init__(
        self,
        loop: Loop,
        desk: FigureDesk,
        read: Callable[[Figures], Snapshot],
        counters: Counters,
        ask_fleet: Callable[[Callable[[list[Overview]], None]], None],
    ) -> None:
        self._counters = counters
        self._ask_fleet = ask_fleet
        self._loop = loop
        self._desk = desk
        self._read = read
        self._watchers: dict[Call, Wanted] = {}
        self._timer: Timer | None = None
        self._told = 0.0

    @property
    def methods(self) -> Mapping[str, Method]:
        """By the names of the interface."""
        return {"Status": self._status, "Counters": self._count}

    def change(self) -> None:
        """Something has changed; tells who watches."""
        if self._watchers and self._timer is None:
            wait = max(0.0, self._told + EVERY - self._loop.time())
            self._timer = self._loop.call_later(wait, self._tell)

    def _status(self, call: Call) -> None:
        address = call.parameters.get("address")
        try:
            address = None if address is None else read_address(address).text
        except RefusedError as error:
            call.fail(error.error, **error.parameters)
            return
        wanted = Wanted(call.parameters.get("door"), address, secrets=call.caller.uid == 0)
        self._desk.ask(lambda figures: self._answer(call, wanted, self._read(figures)))

    def _answer(self, call: Call, wanted: Wanted, daemon: Snapshot) -> None:
        if wanted.door is not None and not _is_known(daemon, wanted.door):
            error = no_such_door(daemon.doors, wanted.door)
            call.fail(error.error, **error.parameters)
            return
        call.reply(build_status(daemon, wanted), continues=True)
        if not call.gone:
            self._watchers[call] = wanted
            self._told = self._loop.time()
            call.on_gone = lambda: self._forget(call)

    def _forget(self, call: Call) -> None:
        """A watcher has left."""
        self._watchers.pop(call, None)
        if not self._watchers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._desk.ask(self._tell_all)

    def _tell_all(self, figures: Figures) -> None:
        self._timer = None
        self._told = self._loop.time()
        if not self._watchers:
            return
        daemon = self._read(figures)
        for call, wanted in list(self._watchers.items()):
            call.reply(build_status(daemon, wanted), continues=True)

    def _count(self, call: Call) -> None:
        def answer(overview: list[Overview]) -> None:
            self._desk.ask(lambda figures: self._answer_counts(call, self._read(figures), overview))

        self._ask_fleet(answer)

    def _answer_counts(self, call: Call, daemon: Snapshot, overview: Sequence[Overview]) -> None:
        rows, left_out = build_counts(daemon, self._counters, self._desk.book, overview)
        versions = {"version": daemon.version, "python": daemon.python}
        call.reply({"counts": rows, "left_out": left_out, **versions})


def _is_known(daemon: Snapshot, name: str) -> bool:
    """Whether a door is in the configuration, or open since one that had it."""
    if any(door.name == name for door in daemon.doors):
        return True
    return any(lease.knock.door.name == name for lease in daemon.leases)
