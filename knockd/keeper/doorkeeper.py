"""Openings to commands: leases decide, the journal notes, the runner runs, the log hears of it.

A start command whose door will be closed runs after its lease has been written down; all
openings of one turn of the loop share one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from knockd.edge import orphans
from knockd.edge.boot import boot_time, random_name
from knockd.edge.runner import Command, Ended, Runner, inherited
from knockd.engine.commands import MAX_COMMAND, encoded, environment, expand, words
from knockd.engine.journal import Record
from knockd.engine.leases import RETRIES, Knock, Leases, Refused, Run
from knockd.keeper.bookkeeper import Bookkeeper, Found, Merge
from knockd.keeper.pace import Pace
from knockd.keeper.quota import Quota
from knockd.keeper.recovery import Recovery
from knockd.keeper.reporter import Reporter
from knockd.keeper.rights import CommandRights
from knockd_conf.model import Config, Door, Options

STOP_DEADLINE = 60.0
"""Seconds a stop command may take."""

TRY_AGAIN = 60.0
"""Seconds after which StateDir is tried again when it could not be had."""

LOOK = 60.0
"""Seconds after which the clock is looked at again: the loop's does not count while the machine sleeps."""

_UNNOTED = "State_Required, and StateDir cannot be written ({})"
_ENDING = "shutting down"


class Book(Protocol):
    """Where leases are noted; a Bookkeeper, or a test."""

    @property
    def lasts(self) -> bool: ...
    def read(self, *, create: bool) -> list[Found]: ...
    def commit(self, records: Callable[[], Sequence[Record]], merge: Merge) -> str | None: ...
    def move(self, state_dir: str) -> None: ...


class Doorkeeper:
    """Holds the leases and runs their commands."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        reporter: Reporter,
        config: Config,
        clock: Callable[[], float] = boot_time,
        book: Book | None = None,
    ) -> None:
        self._loop = loop
        self.reporter = reporter
        self._clock = clock
        self._options: Options = config.options
        self._doors: tuple[Door, ...] = config.doors
        self._leases = Leases(config.options.max_leases, run=random_name())
        self._book = book or Bookkeeper(config.options.state_dir, self._announce, clock)
        self._rights = CommandRights(self._announce)
        self._quota = Quota(loop, self._announce)
        self._recovery = Recovery(loop, self._leases, clock, say=self._announce, do=self._do)
        self._pace = Pace(loop, clock, self._commit)
        self._starts: list[Run] = []
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._settled: asyncio.Event | None = None
        self.runner = Runner(loop)
        self.changed: Callable[[], None] = lambda: None
        """Called whenever ``counts`` may have changed."""

    @property
    def counts(self) -> tuple[int, int]:
        """How many leases there are, and how many of them could not be closed."""
        return len(self._leases), len(self._leases.failed())

    @property
    def lasts(self) -> bool:
        """Whether the next start finds what is noted of open doors."""
        return self._book.lasts

    def recover(self) -> None:
        """Takes over what earlier runs have left open. Call it once, before anybody can knock."""
        self._rights.check(self._doors)
        needed = any(door.stop_command or door.stop_command_6 for door in self._doors)
        found = self._book.read(create=needed)
        for one in found:
            self._recovery.merge(one)
        if needed or found:
            self._commit()

    def adopt(self, config: Config) -> None:
        """A new configuration: leases that are open stay, and are closed as they were opened to be."""
        self._options, self._doors = config.options, config.doors
        self._leases.bound = config.options.max_leases
        self._book.move(config.options.state_dir)
        self._rights.check(config.doors)
        if len(self._leases):
            self._commit()

    def open(self, knock: Knock) -> None:
        """A knock was complete."""
        if self._options.state_required and self._leases.closes_first(knock):
            reason = self._commit()
            if reason is not None:  # what is open stays so
                self._refuse(knock, _UNNOTED.format(reason))
                return
        self._do(self._leases.open(knock, self._clock()))

    async def close(self, patience: float) -> int:
        """Stops every lease and waits ``patience`` seconds; returns how many are not closed by then.

        A command that still runs is left alone: ``open; sleep 30; close`` must come to its end.
        """
        self._drop_starts()
        self._do(list(self._leases.close_all(self._clock())))
        return await self._settle(patience)

    def can_keep(self) -> bool:
        """Whether the next start will know of the leases: those in memory alone nobody would ever close."""
        self._drop_starts()
        self._commit()
        return self._book.lasts or not len(self._leases)

    async def keep(self, patience: float) -> int:
        """Leaves every lease to the next start; what runs gets ``patience`` seconds. Returns how many."""
        self._drop_starts()
        self._leases.keep_all()
        return await self._settle(patience)

    async def _settle(self, patience: float) -> int:
        self._settled = asyncio.Event()
        self._arm()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._settled.wait()
        self._drop_starts()  # of renewals whose stop command has ended meanwhile
        self._commit()
        self._pace.stop()
        self._quota.stop()
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        return len(self._leases)

    def _drop_starts(self) -> None:
        """Openings that have not run yet, for want of a note or of a place, do not open any more."""
        starts, self._starts = self._starts, []
        for run in starts:
            self._refuse(run.knock, _ENDING, run)
        self.runner.drop_waiting()

    def _commit(self) -> str | None:
        """Notes every lease, then runs the start commands that waited for it.

        Returns why the journal is not in StateDir, or None.
        """
        self._pace.begin()
        self._leases.changed = False
        starts, self._starts = self._starts, []
        reason = self._book.commit(self._leases.records, self._recovery.merge)
        self._pace.end()
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._loop.call_later(TRY_AGAIN, self._commit) if reason is not None else None
        for run in starts:
            if reason is not None and self._options.state_required:
                self._refuse(run.knock, _UNNOTED.format(reason), run)
            else:
                self._run(run)
        self._arm()
        return reason

    def _refuse(self, knock: Knock, reason: str, run: Run | None = None) -> None:
        if run is not None and run.lease is not None:
            self._leases.not_started(run.lease, self._clock())
        self._say_refused(knock, reason)

    def _do(self, actions: Sequence[Run | Refused]) -> None:
        for action in actions:
            if isinstance(action, Refused):
                self._refuse(action.knock, action.reason)
            elif action.verb == "start" and action.lease is not None:
                self._starts.append(action)
            else:
                self._run(action)
        self._arm()

    def _run(self, run: Run) -> None:
        knock, door = run.knock, run.knock.door
        line = expand(run.command, knock)
        size = len(encoded(line))
        if size > MAX_COMMAND:
            self._say(
                "command-too-long", knock, level="error", bytes=size, most=MAX_COMMAND, command=run.command
            )
            self._ended(run, line, None)
            return
        variables = environment(knock, inherited())
        if run.lease is not None:
            variables[orphans.LEASE] = orphans.mark(run.id, run.verb)
        command = Command(
            group=(door.name, door.occurrence),
            places=door.max_commands,
            line=line,
            words=words(line),
            environment=variables,
            deadline=STOP_DEADLINE if run.verb == "stop" else door.command_deadline,
            urgent=run.verb == "stop",
        )
        if not self.runner.run(
            command,
            lambda: self._started(run, line),
            lambda ended: self._ended(run, line, ended),
            lambda: self._refuse(knock, _ENDING, run),
        ):
            self._say_refused(knock, "too many commands of this door wait")
            self._ended(run, line, None)

    def _started(self, run: Run, line: str) -> None:
        if run.expired:
            self._say("command-timeout", run.knock)
        self._say("command", run.knock, command=line)

    def _ended(self, run: Run, line: str, ended: Ended | None) -> None:
        """A command has ended; None: it was not run."""
        knock = run.knock
        if ended is not None:
            for output in ended.output:
                self._say("command-output", knock, line=output)
            if ended.late:
                seconds = STOP_DEADLINE if run.verb == "stop" else knock.door.command_deadline
                self._say("command-late", knock, level="error", seconds=seconds, command=line)
            if ended.status:
                self._say("command-failed", knock, level="warning", status=ended.status)
                self._rights.explain(knock.door.name, line)
        if run.lease is None:
            return
        if ended is None and run.verb == "start":
            self._leases.not_started(run.lease, self._clock())
            self._arm()
            return
        failed_before = len(self._leases.failed())
        worked = ended is not None and ended.status == 0
        self._do(self._leases.ended(run.lease, run.verb, worked, self._clock()))
        if len(self._leases.failed()) > failed_before:
            tries = 1 if self._leases.closing else len(RETRIES) + 1
            self._say("stop-failed", knock, level="error", tries=tries, command=line)

    def _arm(self) -> None:
        """Sets the one timer to the next deadline, and plans a commit when there is something to note."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._leases.next_deadline()
        if deadline is not None:
            seconds = min(max(0.0, deadline - self._clock()), LOOK)
            self._timer = self._loop.call_later(seconds, self._due)
        if self._leases.changed or self._starts:
            self._pace.plan(urgent=bool(self._starts))
        if self._settled is not None and not self._starts and self._leases.settled():
            self._settled.set()
        self.changed()

    def _due(self) -> None:
        self._timer = None
        self._do(list(self._leases.due(self._clock())))

    def _say_refused(self, knock: Knock, reason: str) -> None:
        self._quota.say("refused", level="warning", ip=knock.source, door=knock.door.name, reason=reason)

    def _announce(self, event: str, *, level: str = "info", **fields: object) -> None:
        self.reporter.say(event, level=level, **fields)

    def _say(self, event: str, knock: Knock, *, level: str = "info", **fields: object) -> None:
        self._announce(event, level=level, ip=knock.source, door=knock.door.name, **fields)
