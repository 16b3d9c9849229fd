"""A daemon whose sides are doubles: a test says what happens, and reads in which order things were done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from knockd.keeper import control_side, keeper
from knockd.keeper.config_process import Outcome
from knockd.keeper.control import Control
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.notify import Manager
from knockd.keeper.only_daemon import Conflict, OnlyDaemon
from knockd.keeper.output import Output
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.supervisor import Callbacks, Supervisor
from knockd.leases.manager import LeaseManager
from knockd.leases.runner import Runner
from knockd.log.logger import Logger
from knockd.process.loop import Loop
from knockd.process.privileges import User
from knockd_conf.errors import Problem
from knockd_conf.model import Config, Options
from tests.support.doubles.playbook import knock
from tests.support.doubles.played import door

PATH = "/etc/knockd.conf"
ANSWER = 5.0
"""Seconds after which a daemon that does not end is stopped, and the test fails."""


def double(real: type, **parts: Any) -> SimpleNamespace:
    """A stand-in for a ``real`` one; what can be called of it the real one has, too."""
    assert [] == [name for name, part in parts.items() if callable(part) and not hasattr(real, name)]
    return SimpleNamespace(**parts)


class Child:
    """A child that has read a configuration, and ended; with None one that hangs."""

    def __init__(self, outcome: Outcome | None) -> None:
        self._outcome = outcome
        self.collected = 0
        self._reader, self._writer = os.pipe()
        if outcome is not None:
            os.write(self._writer, b"x")

    def fileno(self) -> int:
        """A descriptor that can be read when there is an outcome."""
        return self._reader

    def read_some(self) -> bool:
        """All is read."""
        return False

    def outcome(self, path: str) -> Outcome:
        """What came of it."""
        assert path == PATH
        assert self._outcome is not None
        return self._outcome

    def kill(self) -> None:
        """It ends."""
        os.close(self._reader)
        os.close(self._writer)

    def collect(self) -> bool:
        """It has ended, but the kernel says so only the second time."""
        self.collected += 1
        return self.collected > 1


class DaemonSides:
    """Doubles of all sides. ``events`` is what happened, in order; ``when`` says what happens next.

    The doubles are Supervisor (``workers:``), LeaseManager (``leases:``), Output (``log:``), the service
    manager (``service:``) and who waits for the start (``started``).
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.outcomes: list[Outcome | None] = []
        """What the children of reloads read, one after the other; None: one hangs."""
        self.children: list[Child] = []
        self.config = Config(PATH, Options(), (door("1 2"),), "host", (PATH,))
        self.refused: tuple[Problem, ...] = ()
        self.kept = self.unkept = ""
        self.own_reader: str | None = None
        """Why libpcap does not read packets."""
        self.settings = Settings(PATH)
        self.manager = Manager(os.getpid(), "@manager")
        self.control_paths: list[str] = []
        """Where the control socket was, one after the other; empty: nowhere any more."""
        self.statuses: list[str] = []
        """The line of status of each message to the service manager."""
        self.can_keep = self.lasts = True
        self.left = 0
        """Leases that are there at the end."""
        self.slow = False
        """Doors are closed only when nobody waits any longer."""
        self.conflicts: list[Conflict | None] = []
        """What is in the way of the start, and of each reload; nothing when it is used up."""
        self.call: Callbacks
        self._play: list[tuple[str, Callable[[], object]]] = []
        self._loop: Loop | None = None
        self._late = False
        self.logger = double(
            Logger,
            log=lambda event, **fields: self.note(f"log: {event}", *map(str, fields.values())),
            release_waiting=lambda: self.note("log: names end"),
        )
        output = double(
            Output,
            logger=self.logger,
            adopt=lambda options: self.note("log: adopt", str(options.log_file)),
            reopen_file=lambda: self.note("log: reopen"),
            show=lambda line: self.note("log: show", line),
            close=lambda: self.note("log: close"),
        )
        only = double(OnlyDaemon, take=self._take_locks, release=lambda: self.note("locks: release"))
        control = double(
            Control,
            adopt=lambda loaded: self.control_paths.append(loaded.config.options.control_socket),
            stop=lambda: self.control_paths.append(""),
        )
        monkeypatch.setattr(control_side, "Control", lambda *_: control)
        monkeypatch.setattr(keeper, "explain_own_reader", lambda _: self.own_reader)
        monkeypatch.setattr(keeper, "Output", lambda *_: output)
        monkeypatch.setattr(keeper, "OnlyDaemon", lambda *_, **__: only)
        monkeypatch.setattr(keeper, "LeaseManager", self._lease_manager)
        monkeypatch.setattr(keeper, "Supervisor", self._workers)
        monkeypatch.setattr(keeper, "send_fields", self._send)
        monkeypatch.setattr(keeper, "start_reading", self._start_reading)

    def serve(self, *play: tuple[str, Callable[[], object]]) -> list[str]:
        """Serves until the end; each step of ``play`` is an event and what happens when it has happened.

        Returns the events, with the exit status as the last one.
        """
        self._play = list(play)
        loaded = Loaded(self.config, User("bob", 103, 203), self.refused, self.kept, self.unkept)
        status = keeper.serve(self.settings, loaded, self.manager, frozenset(), self._started)
        assert self._play == [], f"not all of the play has come: {self.events}"
        assert not self._late, f"the daemon has not ended: {self.events}"
        return [*self.events, f"exit {status}"]

    def note(self, *words: str) -> None:
        """Something has happened; what the play wants then happens in the next turn of the loop."""
        event = " ".join(word for word in words if word)
        self.events.append(event)
        if self._play and event.startswith(self._play[0][0]):
            assert self._loop is not None
            self._loop.call_soon(self._play.pop(0)[1])

    def _take_locks(self, _: Config) -> Conflict | None:
        return self.conflicts.pop(0) if self.conflicts else None

    def up(self) -> None:
        """The packet process captures."""
        self.call.up()

    def _lease_manager(self, loop: Loop, *_: object) -> SimpleNamespace:
        self._loop = loop
        loop.call_later(ANSWER, self._give_up)
        runner = double(
            Runner, reap=lambda: self.note("leases: reap"), stop=lambda: self.note("leases: commands end")
        )
        self.leases = double(
            LeaseManager,
            runner=runner,
            counts=(3, 1),
            ask=SimpleNamespace(all=tuple),
            answered=None,
            now=0.0,
            open=lambda _, **__: None,
            lasts=self.lasts,
            recover=lambda: self.note("leases: recover"),
            adopt=lambda config: self.note("leases: adopt", str(len(config.doors))),
            can_keep=lambda: self.can_keep,
            keep=lambda patience, done: self._end("leases: keep", patience, done),
            close=lambda patience, done: self._end("leases: close", patience, done),
            end_now=lambda: self._done(self.left),
            left=lambda: [knock(source=f"192.0.2.{number + 1}").knock for number in range(self.left)],
        )
        return self.leases

    def _give_up(self) -> None:
        self._late = True
        assert self._loop is not None
        self._loop.stop()

    def _end(self, how: str, patience: float, done: Callable[[int], None]) -> None:
        self.note(how, f"{patience:g}")
        assert self._loop is not None
        if self.slow:
            self._done = done
        else:
            self._loop.call_soon(done, self.left)

    def _workers(self, *given: Any) -> SimpleNamespace:
        self.call = given[-1]
        self.workers = double(
            Supervisor,
            desk=None,
            interfaces=("eth0",),
            waiting=("ppp0",),
            deaf=(),
            doors=double(LiveDoors, find_disabled=set),
            begin=lambda: self.note("workers: start"),
            ask=self._ask,
            reap=lambda: self.note("workers: reap"),
            adopt=lambda loaded: self.note("workers: adopt", str(loaded.user and loaded.user.name)),
            stop=lambda: self.note("workers: stop"),
        )
        return self.workers

    def _send(self, address: str, fields: Mapping[str, object]) -> None:
        assert address == "@manager"
        self.statuses.append(str(fields.get("STATUS", "")))
        names = [name for name in fields if not name.endswith("_USEC")]
        self.note("service:", *(name for name in names if name != "STATUS" or len(names) == 1))

    def _started(self, status: int, reason: str) -> None:
        self.note("started", str(status), reason)

    def _ask(self, seconds: float) -> bool:
        self.note("workers: ask", f"{seconds:g}")
        return True

    def _start_reading(self, *_: object) -> Child:
        self.children.append(Child(self.outcomes.pop(0)))
        return self.children[-1]


def send(number: signal.Signals) -> Callable[[], None]:
    """Sends the daemon a signal."""
    return lambda: os.kill(os.getpid(), number)


def twice(one: Callable[[], object]) -> Callable[[], None]:
    """Does something two times in one turn of the loop."""

    def both() -> None:
        one()
        one()

    return both


START = ["workers: start", "leases: recover"]
UP = ["started 0", "service: READY"]
END = ["leases: commands end", "log: close", "locks: release"]
TERM, HUP, USR1 = (send(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1))
