"""Start and stop commands of doors: expanded, run, and what they say logged.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from knockd.leases.commands import MAX_COMMAND, environment, expand
from knockd.leases.obstacles import find_obstacle, find_obstacle_of
from knockd.leases.required_rights import RequiredRights
from knockd.leases.runner import CommandLine, Result, Runner, inherited, search_path
from knockd.leases.survivors import LEASE, mark
from knockd.leases.values import Ended, Event, Knock, NotStarted, Start, Stop, Verb
from knockd.log.logger import Log
from knockd.process.capabilities import Rights
from knockd.process.loop import Loop
from knockd_conf.classes import NamedTuple
from knockd_conf.model import CommandOutput
from knockd_conf.text import encoded

STOP_DEADLINE = 60.0
"""Seconds a stop command may take."""

ENDING = "shutting down"
"""Why an opening is refused when the daemon ends."""

CROWD = "too many commands of this door wait"
"""Why an opening is refused whose start command would wait for too many others."""

START_FAILED = "its start command failed"
"""Why an opening is none after all."""


class Preview(NamedTuple):
    """What an opening would run, each command with why it cannot be; ``obstacle``: why it is refused."""

    start: tuple[CommandLine, str | None] | None
    stop: tuple[CommandLine, str | None] | None
    obstacle: str | None


class DoorCommands:
    """Runs commands, which have the rights that ``have`` says.

    ``handle`` takes the event that a command has ended or was not run, ``refuse`` logs why an opening is not
    granted, ``granted`` hears of each opening before its start command runs or waits for a slot, perhaps
    twice, and ``started`` when that has worked, after the event.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        have: Rights,
        *,
        handle: Callable[[Event], None],
        refuse: Callable[[Knock, str], None],
        granted: Callable[[Knock], None],
        started: Callable[[Knock], None],
        runner: Runner | None = None,
    ) -> None:
        self._log = log
        self._handle = handle
        self._refuse = refuse
        self._granted = granted
        self._started_well = started
        self.output = CommandOutput.LOG
        """Where commands write whose door does not say so."""
        self.rights = RequiredRights(log, have)
        self.runner = runner or Runner(loop)

    def find_obstacle(self, knock: Knock) -> str | None:
        """Why the commands of an opening cannot be run; None when nothing is known against it."""
        return find_obstacle(knock, search_path())

    def find_crowd(self, knock: Knock, ahead: int) -> str | None:
        """Why the start command of an opening cannot even wait, when ``ahead`` others come first."""
        door = knock.door
        if door.start_for(knock.version) is None:
            return None
        return None if self.runner.has_room((door.name, door.occurrence), ahead) else CROWD

    def preview(self, knock: Knock) -> Preview:
        """What an opening would run. Runs nothing."""
        start, stop = knock.door.start_for(knock.version), knock.door.stop_for(knock.version)
        return Preview(
            None if start is None else self._look_at(Start(start, knock)),
            None if stop is None else self._look_at(Stop(stop, knock, "")),
            self.find_obstacle(knock),
        )

    def _look_at(self, run: Start | Stop) -> tuple[CommandLine, str | None]:
        return self._command_line(run), find_obstacle_of(_verb(run), run.command, run.knock, search_path())

    def _command_line(self, run: Start | Stop) -> CommandLine:
        door = run.knock.door
        return CommandLine(
            door=(door.name, door.occurrence),
            slots=door.max_commands,
            line=expand(run.command, run.knock),
            environment=partial(_environment_of, run),
            output=door.command_output or self.output,
            deadline=STOP_DEADLINE if isinstance(run, Stop) else door.command_deadline,
            urgent=isinstance(run, Stop),
        )

    def run(self, run: Start | Stop) -> None:
        """Runs a command as soon as its door has a slot free."""
        knock, command = run.knock, self._command_line(run)
        size = len(encoded(command.line))
        if size > MAX_COMMAND:
            self._log_of(run, "command-too-long", bytes=size, most=MAX_COMMAND, command=run.command)
            if isinstance(run, Start):
                self._refuse(knock, START_FAILED)
            self._not_run(run)
            return

        def drop() -> None:
            self._not_run(run)
            self._refuse(knock, ENDING)

        taken = self.runner.run(
            command,
            lambda: self._started(run, command.line),
            lambda result: self._ended(run, command, result),
            drop,
        )
        if not taken:
            self._refuse(knock, CROWD)
            self._not_run(run)
        elif isinstance(run, Start):
            self._granted(knock)  # it may wait for a slot

    def _started(self, run: Start | Stop, line: str) -> None:
        if isinstance(run, Start):
            self._granted(run.knock)
        if isinstance(run, Stop) and run.expired:
            self._log("command-timeout", ip=run.knock.source, door=run.knock.door.name)
        self._log_of(run, "command", command=line)

    def _ended(self, run: Start | Stop, command: CommandLine, result: Result) -> None:
        worked = result.status == 0
        for output in result.output:
            self._log_of(run, "command-output", line=output)
        if result.late:
            self._log_of(run, "command-late", seconds=command.deadline, command=command.line)
        if not worked:
            self._log_of(run, "command-failed", status=result.status)
            self.rights.explain_failure(run.knock.door.name, command.line)
        if isinstance(run, Start):
            worked = worked and not result.late  # it was killed, with whatever it left in the background
            if not worked:
                self._refuse(run.knock, START_FAILED)
        if run.lease is not None:
            self._handle(Ended(run.lease, _verb(run), worked))
        if isinstance(run, Start) and worked:
            self._started_well(run.knock)

    def _not_run(self, run: Start | Stop) -> None:
        if isinstance(run, Stop):
            self._handle(Ended(run.lease, "stop", worked=False))
        elif run.lease is not None:
            self._handle(NotStarted(run.lease))

    def _log_of(self, run: Start | Stop, event: str, **fields: object) -> None:
        self._log(event, ip=run.knock.source, door=run.knock.door.name, verb=_verb(run), **fields)


def _environment_of(run: Start | Stop) -> Mapping[str, str]:
    variables = environment(run.knock, inherited())
    if run.lease is not None:
        variables[LEASE] = mark(run.lease, _verb(run))
    return variables


def _verb(run: Start | Stop) -> Verb:
    return "stop" if isinstance(run, Stop) else "start"
