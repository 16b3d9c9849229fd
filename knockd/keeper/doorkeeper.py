"""Openings to commands: leases decide, the runner runs, the log hears of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

from knockd.edge.runner import Command, Ended, Runner
from knockd.engine.commands import MAX_COMMAND, environment, expand, words
from knockd.engine.leases import RETRIES, Knock, Leases, Refused, Run
from knockd.keeper.reporter import Reporter

STOP_DEADLINE = 60.0
"""Seconds a stop command may take."""


def boot_time() -> float:
    """Seconds since boot, sleep included: no jump of the wall clock moves a lease."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Doorkeeper:
    """Holds the leases and runs their commands."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        reporter: Reporter,
        max_leases: int,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self._loop = loop
        self.reporter = reporter
        self._clock = clock
        self._leases = Leases(max_leases)
        self._timer: asyncio.TimerHandle | None = None
        self._closed: asyncio.Event | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called whenever ``counts`` may have changed."""
        self.runner = Runner(loop)

    def limit(self, max_leases: int) -> None:
        """Changes how many leases may be open; those that are stay."""
        self._leases.bound = max_leases

    @property
    def counts(self) -> tuple[int, int]:
        """How many leases there are, and how many of them could not be closed."""
        return len(self._leases), len(self._leases.failed())

    def open(self, knock: Knock) -> None:
        """A knock was complete."""
        self._do(self._leases.open(knock, self._clock()))

    async def close(self, patience: float) -> int:
        """Stops every lease and waits ``patience`` seconds; returns how many are not closed by then.

        A command that still runs is left alone: ``open; sleep 30; close`` must come to its end.
        """
        self._closed = asyncio.Event()
        self._do(list(self._leases.close_all()))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._closed.wait()
        return len(self._leases)

    def _do(self, actions: list[Run | Refused]) -> None:
        for action in actions:
            if isinstance(action, Refused):
                knock = action.knock
                self._say("refused", knock, level="warning", reason=action.reason)
            else:
                self._run(action)
        self._arm()

    def _run(self, run: Run) -> None:
        knock, door = run.knock, run.knock.door
        line = expand(run.command, knock)
        size = len(os.fsencode(line))
        if size > MAX_COMMAND:
            self._say(
                "command-too-long", knock, level="error", bytes=size, most=MAX_COMMAND, command=run.command
            )
            self._ended(run, line, None)
            return
        command = Command(
            group=door,
            places=door.max_commands,
            line=line,
            words=words(line),
            environment=environment(knock, os.environ),
            deadline=STOP_DEADLINE if run.verb == "stop" else door.command_deadline,
            urgent=run.verb == "stop",
        )
        if not self.runner.run(
            command,
            lambda: self._started(run, line),
            lambda ended: self._ended(run, line, ended),
        ):
            self._say("refused", knock, level="warning", reason="too many commands of this door wait")
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
        if run.lease is None:
            return
        if ended is None and run.verb == "start":
            self._leases.not_started(run.lease)
            self._arm()
            return
        failed_before = len(self._leases.failed())
        worked = ended is not None and ended.status == 0
        self._do(self._leases.ended(run.lease, run.verb, worked, self._clock()))
        if len(self._leases.failed()) > failed_before:
            self._say("stop-failed", knock, level="error", tries=len(RETRIES) + 1, command=line)
        elif self._leases.closing and run.verb == "stop" and not worked:
            self._say("stop-failed", knock, level="error", tries=1, command=line)

    def _arm(self) -> None:
        """Sets the one timer to the next deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._leases.next_deadline()
        if deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._clock()), self._due)
        if self._closed is not None and not len(self._leases):
            self._closed.set()
        self.changed()

    def _due(self) -> None:
        self._timer = None
        self._do(list(self._leases.due(self._clock())))

    def _say(self, event: str, knock: Knock, *, level: str = "info", **fields: object) -> None:
        self.reporter.say(event, level=level, ip=knock.source, door=knock.door.name, **fields)
