"""A doorkeeper whose commands are ended by the test, on a loop on which time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import structlog

from knockd.edge.runner import Command, Ended, Runner
from knockd.engine.journal import Record
from knockd.engine.leases import Knock
from knockd.keeper.bookkeeper import Found, Merge
from knockd.keeper.doorkeeper import Doorkeeper
from knockd.keeper.reporter import Reporter
from knockd_conf.model import Config, Door, Options
from tests.support.played import door
from tests.support.still_loop import StillLoop

DOOR = door(
    "1 2",
    name="ssh",
    start_command="open %IP%",
    stop_command="close %IP%; sync",
    cmd_timeout=10.0,
    command_deadline=7.0,
    max_commands=3,
)
PLAIN = replace(DOOR, stop_command=None)


def knock(at: Door = DOOR, source: str = "192.0.2.1") -> Knock:
    """An opening."""
    return Knock(door=at, source=source, version=4, destination="10.0.0.1", interface="eth0")


class Hands:
    """A runner that starts nothing: the test says how commands end."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.running: list[Callable[[Ended], None]] = []
        self.waiting: list[Callable[[], object]] = []
        self.full = False
        self.busy = False
        """Commands that open a door wait for a place, for ever."""

    def run(
        self,
        command: Command,
        on_start: Callable[[], None],
        on_end: Callable[[Ended], None],
        on_drop: Callable[[], object],
    ) -> bool:
        """Takes a command."""
        if self.full:
            return False
        if self.busy and not command.urgent:
            self.waiting.append(on_drop)
            return True
        self.commands.append(command)
        on_start()
        self.running.append(on_end)
        return True

    def drop_waiting(self) -> None:
        """What waits is not run."""
        while self.waiting:
            self.waiting.pop(0)()

    def end(self, status: int = 0, *output: str, late: bool = False) -> None:
        """The command that has run longest ends."""
        self.running.pop(0)(Ended(status, output, late))

    @property
    def lines(self) -> list[str]:
        """The command lines so far."""
        return [command.line for command in self.commands]


def configuration(**options: Any) -> Config:
    """A configuration with the door that is knocked at."""
    values = {"max_leases": 8, **options}
    return Config("/etc/knockd.conf", Options(**values), (DOOR,), "host", ("/etc/knockd.conf",))


class Notebook:
    """A journal in memory: what earlier runs left (``found``), and every commit since."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.late: list[Found] = []
        """Found at the next commit."""
        self.commits: list[tuple[Record, ...]] = []
        self.reason: str | None = None
        self.lasts = True
        self.path = ""

    def read(self, *, create: bool) -> list[Found]:  # noqa: ARG002 - as in Bookkeeper
        """What earlier runs left."""
        return self.found

    def commit(self, records: Callable[[], Sequence[Record]], merge: Merge) -> str | None:
        """Notes what there is."""
        while self.late:
            merge(self.late.pop())
        self.commits.append(tuple(records()))
        return self.reason

    def move(self, state_dir: str) -> None:
        """Another directory."""
        self.path = state_dir


class Hall:
    """A doorkeeper on a loop on which time stands still."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, **options: Any) -> None:
        self.loop = StillLoop()
        self.now = 1_000.0
        self.hands = Hands()
        self.book = Notebook()
        self.config = configuration(**options)
        self.keeper = Doorkeeper(
            loop or self.loop.loop,
            Reporter(structlog.get_logger()),
            self.config,
            lambda: self.now,
            self.book,
        )
        self.keeper.runner = cast(Runner, self.hands)

    def open(self, *knocks: Knock) -> None:
        """These knocks are heard in one turn of the loop."""
        for one in knocks:
            self.keeper.open(one)
        self.loop.turn()

    def wait(self) -> None:
        """Time passes until a lease's time has come."""
        before = self._done()
        while self._done() == before:
            (seconds,) = self.loop.waiting
            self.now += seconds
            self.loop.fire()
            self.loop.turn()

    def _done(self) -> tuple[int, int]:
        return len(self.hands.commands), len(self.book.commits)

    def opened(self) -> None:
        """Somebody knocks and the start command ends well."""
        self.open(knock())
        self.end()

    def end(self, status: int = 0, *output: str, late: bool = False) -> None:
        """The command that has run longest ends, and what follows of it happens."""
        self.hands.end(status, *output, late=late)
        self.loop.turn()


def said(log: list[Any]) -> list[str]:
    """The names of the events, each with the field that matters here."""
    fields = ("command", "status", "line", "reason", "tries", "seconds")
    return [" ".join([e["event"], *(f"{e[f]}" for f in fields if f in e)]) for e in log]
