"""Openings to commands: gives events to the table of leases and does what it asks for, in order.

A start command behind a note waits until the journal is written; all openings of one turn of the
loop share one commit.

Loop.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Protocol

from knockd.leases.boot import boot_time, random_name
from knockd.leases.commit_schedule import CommitSchedule
from knockd.leases.door_commands import ENDING, DoorCommands
from knockd.leases.journal import Record
from knockd.leases.journal_file import Found, JournalFile
from knockd.leases.recovery import Recovery
from knockd.leases.runner import Runner
from knockd.leases.table import Leases
from knockd.leases.values import (
    CloseAll,
    Command,
    Event,
    Forget,
    KeepAll,
    Knock,
    Knocked,
    Log,
    Note,
    NotStarted,
    Refuse,
    Start,
    Stop,
    Tick,
    record_of,
)
from knockd.log.logger import Logger
from knockd.log.rate_limit import RateLimit
from knockd.process.capabilities import Rights
from knockd.process.loop import Loop, Timer
from knockd_conf.model import Config

TRY_AGAIN = 60.0
"""Seconds after which the journal's place is chosen again when it is not StateDir."""

LOOK = 60.0
"""Seconds after which the clock is looked at again: the loop's does not count while the machine sleeps."""


NOT_NOTED = "State_Required, and StateDir cannot be written ({})"
"""Why an opening is refused, for a reason of the system."""


class LeaseJournal(Protocol):
    """Where leases are noted: a JournalFile, or a double of it."""

    @property
    def lasts(self) -> bool: ...
    def note(self, record: Record) -> None: ...
    def forget(self, lease: str) -> None: ...
    def find(self) -> list[Found]: ...
    def choose(self) -> str | None: ...
    def commit(self) -> str | None: ...
    def move(self, state_dir: str) -> None: ...


class LeaseManager:
    """Holds the leases and runs their commands, which have the rights that ``have`` says."""

    def __init__(
        self,
        loop: Loop,
        logger: Logger,
        config: Config,
        have: Rights,
        clock: Callable[[], float] = boot_time,
        journal: LeaseJournal | None = None,
        runner: Runner | None = None,
    ) -> None:
        self._loop = loop
        self._logger = logger
        self._clock = clock
        self._options, self._doors = config.options, config.doors
        self._leases = Leases(config.options.max_leases, run=random_name())
        self._journal = journal or JournalFile(
            config.options.state_dir, logger.log, clock, lambda: map(record_of, self._leases.ask.all())
        )
        self._refusals = RateLimit(loop, logger.log)
        self._recovery = Recovery(loop, logger.log, is_new=self._leases.ask.is_new, handle=self._handle)
        self._schedule = CommitSchedule(loop, clock, self._commit)
        self._commands = DoorCommands(
            loop, logger.log, have, handle=self._handle, refuse=self._log_refused, runner=runner
        )
        self._commands.output = config.options.command_output
        self._behind_notes: list[Start] = []
        self._tick: Timer | None = None
        self._next_choice: Timer | None = None
        self._patience: Timer | None = None
        self._hurry: Timer | None = None
        self._done: Callable[[int], None] | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called whenever ``counts`` may have changed."""

    @property
    def runner(self) -> Runner:
        """What runs the commands: call its ``reap`` on SIGCHLD, and its ``stop`` at the end."""
        return self._commands.runner

    @property
    def counts(self) -> tuple[int, int]:
        """How many doors are open, and how many of them could not be closed."""
        return self._leases.ask.count_opened(), self._leases.ask.count_failed()

    @property
    def lasts(self) -> bool:
        """Whether the next start finds what is noted of open doors."""
        return self._journal.lasts

    def recover(self) -> None:
        """Takes over what earlier runs have left open. Call it once, before anybody can knock."""
        self._commands.rights.check_doors(self._doors)
        gc.disable()  # nothing of 65,536 leases is garbage: looking costs as much as making them
        try:
            self._choose_place()
        finally:
            gc.freeze()
            gc.enable()

    def adopt(self, config: Config) -> None:
        """Takes a new configuration; leases that are open stay, and are closed as they were opened to be."""
        self._options, self._doors = config.options, config.doors
        self._leases.bound = config.options.max_leases
        self._journal.move(config.options.state_dir)
        self._commands.output = config.options.command_output
        self._commands.rights.check_doors(config.doors)
        self._choose_place()

    def open(self, knock: Knock) -> None:
        """Opens the door of a complete knock, or refuses to: also when it could not be closed."""
        obstacle = self._commands.find_obstacle(knock)
        if obstacle is None and self._options.state_required and self._leases.ask.closes_first(knock):
            reason = self._commit()  # where that fails what is open stays so
            obstacle = None if reason is None else NOT_NOTED.format(reason)
        if obstacle is None:
            self._handle(Knocked(knock))
        else:
            self._log_refused(knock, obstacle)

    def close(self, patience: float, done: Callable[[int], None]) -> None:
        """Stops every lease; calls ``done`` once with how many are not closed after ``patience`` seconds.

        It is called in a later turn of the loop, as soon as there is nothing to wait for. A command that
        still runs then is left alone: ``open; sleep 30; close`` must come to its end. After half the time no
        stop command waits for another any more.
        """
        began = self._loop.time()
        self._drop_starts()
        self._handle(CloseAll())
        spent = self._loop.time() - began
        self._hurry = self._loop.call_later(max(0.0, patience / 2 - spent), self._commands.runner.hurry)
        self._settle(max(0.0, patience - spent), done)

    def end_now(self) -> None:
        """Ends what ``close`` or ``keep`` has begun without waiting any longer."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._loop.call_soon(self._finish)

    def left(self) -> list[Knock]:
        """Who has a door that is not closed, in the order in which they opened them."""
        return [lease.knock for lease in self._leases.ask.all()]

    def can_keep(self) -> bool:
        """Whether the next start will know of the leases: those in memory alone nobody would ever close."""
        self._drop_starts()
        self._commit_last()
        return self._journal.lasts or not len(self._leases)

    def keep(self, patience: float, done: Callable[[int], None]) -> None:
        """Leaves every lease to the next start; calls ``done`` once with how many there are.

        It is called in a later turn of the loop; commands that run get ``patience`` seconds to end.
        """
        self._drop_starts()
        self._handle(KeepAll())
        self._settle(patience, done)

    def _settle(self, patience: float, done: Callable[[int], None]) -> None:
        self._done = done
        self._patience = self._loop.call_later(patience, self._finish)
        self._arm()

    def _finish(self) -> None:
        done, self._done, self._patience = self._done, None, None
        assert done is not None
        self._drop_starts()  # of renewals whose stop command has ended meanwhile
        self._commit_last()
        self._schedule.cancel_commit()
        self._refusals.stop()
        for timer in (self._tick, self._next_choice, self._hurry):
            if timer is not None:
                timer.cancel()
        done(len(self._leases))

    def _drop_starts(self) -> None:
        """Refuses openings whose start command waits for a note or for a slot."""
        starts, self._behind_notes = self._behind_notes, []
        for start in starts:
            self._refuse(start, ENDING)
        self._commands.runner.drop_waiting()

    # Events and commands.

    def _handle(self, event: Event) -> None:
        self._do(self._leases.handle(event, self._clock()))
        self._arm()

    def _do(self, commands: Sequence[Command]) -> None:
        """Does the list in order. A start behind a note waits for the journal."""
        noted = False
        for command in commands:
            match command:
                case Note(record):
                    self._journal.note(record)
                    noted = True
                case Forget(lease):
                    self._journal.forget(lease)
                    noted = True
                case Start() if noted:
                    self._behind_notes.append(command)
                case Start() | Stop():
                    self._commands.run(command)
                case Refuse(knock, reason):
                    self._log_refused(knock, reason)
                case Log(event, fields):
                    self._logger.log(event, **fields)
        if noted:
            self._schedule.plan_commit(urgent=bool(self._behind_notes))

    def _arm(self) -> None:
        """Sets the one timer to the next deadline; at the end looks whether there is nothing to wait for."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        deadline = self._leases.next_deadline()
        if deadline is not None:
            seconds = min(max(0.0, deadline - self._clock()), LOOK)
            self._tick = self._loop.call_later(seconds, self._due)
        if self._patience is not None and not self._behind_notes and self._leases.is_settled():
            self.end_now()
        self.changed()

    def _due(self) -> None:
        self._tick = None
        self._handle(Tick())

    # The journal.

    def _choose_place(self) -> None:
        """Chooses the journal's place and takes over what it holds: at start, at reload, each minute."""
        for found in self._journal.find():
            self._recovery.take_over(found)
        if len(self._leases) or any(door.stop_command or door.stop_command_6 for door in self._doors):
            self._write(self._journal.choose)

    def _choose_again(self) -> None:
        self._next_choice = None
        self._choose_place()

    def _commit(self) -> str | None:
        return self._write(self._journal.commit)

    def _commit_last(self) -> None:
        """Commits at the end, which waits for no other minute: what is in memory alone gets a place."""
        in_memory = len(self._leases) and not self._journal.lasts
        self._write(self._journal.choose if in_memory else self._journal.commit)

    def _write(self, write: Callable[[], str | None]) -> str | None:
        """Writes the journal, then runs the start commands that waited for it.

        Returns why the journal is not in StateDir, or None.
        """
        starts, self._behind_notes = self._behind_notes, []
        reason = self._schedule.time_commit(write)
        if reason is None and self._next_choice is not None:
            self._next_choice.cancel()
            self._next_choice = None
        elif reason is not None and self._next_choice is None:
            self._next_choice = self._loop.call_later(TRY_AGAIN, self._choose_again)
        for start in starts:
            if reason is not None and self._options.state_required:
                self._refuse(start, NOT_NOTED.format(reason))
            else:
                self._commands.run(start)
        self._arm()
        return reason

    def _refuse(self, start: Start, reason: str) -> None:
        """Refuses an opening whose start command waited."""
        if start.lease is not None:
            self._handle(NotStarted(start.lease))
        self._log_refused(start.knock, reason)

    def _log_refused(self, knock: Knock, reason: str) -> None:
        self._refusals.log("refused", ip=knock.source, door=knock.door.name, reason=reason)
