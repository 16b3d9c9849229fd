"""A lease manager whose commands are ended by the test, on a loop on which time stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import structlog

from knockd.leases.idle import IdleWatch
from knockd.leases.journal import Record
from knockd.leases.journal_file import Found
from knockd.leases.manager import LeaseManager
from knockd.leases.runner import CommandLine, Result, Runner
from knockd.leases.values import Knock
from knockd.log.logger import Logger
from knockd.process.capabilities import Rights
from knockd.process.loop import Loop
from knockd_conf.model import Config, Door, Options
from tests.support.doubles.looks import FakeConntrack
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import door

DOOR = door(
    "1 2",
    name="ssh",
    start_command="open %IP%",
    stop_command="close %IP%; sync",
    cmd_timeout=10.0,
    command_deadline=7.0,
    max_commands=3,
)
ROOT = Rights(root=True, capabilities=frozenset())
PLAIN = replace(DOOR, stop_command=None)


def knock(at: Door = DOOR, source: str = "192.0.2.1") -> Knock:
    """An opening."""
    return Knock(door=at, source=source, version=4, destination="10.0.0.1", interface="eth0")


class FakeRunner:
    """A runner that starts nothing: the test says how commands end."""

    def __init__(self) -> None:
        self.commands: list[CommandLine] = []
        self.running: list[Callable[[Result], None]] = []
        self.waiting: list[Callable[[], object]] = []
        self.full = False
        self.busy = False
        self.hurries = 0
        """Commands that open a door wait for a slot, for ever."""

    def run(
        self,
        command: CommandLine,
        on_start: Callable[[], None],
        on_end: Callable[[Result], None],
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

    def has_room(self, _door: object, _ahead: int) -> bool:
        """Whether one more would be taken."""
        return not self.full

    def drop_waiting(self) -> None:
        """What waits is not run."""
        while self.waiting:
            self.waiting.pop(0)()

    def hurry(self) -> None:
        """What closes waits no more."""
        self.hurries += 1

    def end(self, status: int = 0, *output: str, late: bool = False) -> None:
        """The command that has run longest ends."""
        self.running.pop(0)(Result(status, output, late))

    @property
    def lines(self) -> list[str]:
        """The command lines so far."""
        return [command.line for command in self.commands]


def configuration(**options: Any) -> Config:
    """A configuration with the door that is knocked at."""
    values = {"max_leases": 8, **options}
    return Config("/etc/knockd.conf", Options(**values), (DOOR,), "host", ("/etc/knockd.conf",))


class FakeJournal:
    """A journal in memory: what earlier runs left (``found``), and every commit since."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.commits: list[tuple[Record, ...]] = []
        self.choices = 0
        """How often the place was chosen; each time is a commit too."""
        self.reason: str | None = None
        self.lasts = True
        self.path = ""
        self._records: dict[str, Record] = {}

    def note(self, record: Record) -> None:
        """The next commit has this record."""
        self._records[record.id] = record

    def forget(self, lease: str) -> None:
        """The next commit has it no more."""
        del self._records[lease]

    def find(self) -> list[Found]:
        """What earlier runs left."""
        found, self.found = self.found, []
        return found

    @property
    def where(self) -> tuple[str, str | None]:
        """Where leases are noted."""
        return "/var/lib/knockd", None

    def choose(self) -> str | None:
        """Writes what there is."""
        self.choices += 1
        return self.commit()

    def commit(self) -> str | None:
        """Writes what there is."""
        self.commits.append(tuple(self._records.values()))
        return self.reason

    def move(self, state_dir: str) -> None:
        """Another directory."""
        self.path = state_dir


class PlayedManager:
    """A lease manager on a loop on which time stands still."""

    def __init__(self, loop: Loop | None = None, **options: Any) -> None:
        self.loop = ManualLoop()
        self.now = 1_000.0
        self.runner = FakeRunner()
        self.journal = FakeJournal()
        self.looks = FakeConntrack()
        self.config = configuration(**options)
        self.manager = LeaseManager(
            loop or self.loop.loop,
            Logger(structlog.get_logger()),
            self.config,
            ROOT,
            lambda: self.now,
            self.journal,
            cast(Runner, self.runner),
            partial(IdleWatch, begin=self.looks.begin, check=self.looks.check),
        )

    def open(self, *knocks: Knock) -> None:
        """These knocks are heard in one turn of the loop."""
        for one in knocks:
            self.manager.open(one)
        self.loop.turn()

    def wait(self) -> None:
        """Time passes until a lease's time has come."""
        before = self._done()
        while self._done() == before:
            (seconds,) = self.loop.waiting
            self.now += seconds
            self.loop.fire()
            self.loop.turn()

    def fire(self, seconds: float) -> None:
        """The timer of so many seconds fires."""
        (timer,) = (one for one in self.loop.timers if one.seconds == seconds and not one.cancelled)
        timer.cancel()
        timer.callback()
        self.loop.turn()

    def _done(self) -> tuple[int, int]:
        return len(self.runner.commands), len(self.journal.commits)

    def opened(self) -> None:
        """Somebody knocks and the start command ends well."""
        self.open(knock())
        self.end()

    def end(self, status: int = 0, *output: str, late: bool = False) -> None:
        """The command that has run longest ends, and what follows of it happens."""
        self.runner.end(status, *output, late=late)
        self.loop.turn()


def said(log: list[Any]) -> list[str]:
    """The names of the events, each with the field that matters here."""
    fields = ("command", "status", "line", "reason", "tries", "seconds")
    return [" ".join([e["event"], *(f"{e[f]}" for f in fields if f in e)]) for e in log]
