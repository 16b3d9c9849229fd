"""Openings to commands: gives events to the table of leases and does what it asks for, in order.

A start command behind a note waits until the journal is written (noting.py).

Loop.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence

from knockd.leases.boot import boot_time, random_name
from knockd.leases.door_commands import ENDING, DoorCommands, Preview
from knockd.leases.idle import IdleWatch
from knockd.leases.journal import Record
from knockd.leases.journal_file import JournalFile
from knockd.leases.noting import NOT_NOTED, LeaseJournal, Noting
from knockd.leases.obstacles import find_bar
from knockd.leases.patience import Patience
from knockd.leases.questions import Questions
from knockd.leases.recovery import Recovery
from knockd.leases.runner import Runner
from knockd.leases.sharing import CLOSED_ELSEWHERE, Sharing
from knockd.leases.table import Leases
from knockd.leases.values import (
    BY_HAND,
    Close,
    CloseAll,
    Command,
    Event,
    Extend,
    Forget,
    GiveUp,
    Granted,
    KeepAll,
    Knock,
    Knocked,
    Log,
    Looked,
    Note,
    NotStarted,
    Refuse,
    Renewed,
    Start,
    Stop,
    Tick,
    record_of,
)
from knockd.log.logger import Logger
from knockd.log.rate_limit import RateLimit
from knockd.log.stamps import local_day
from knockd.process.capabilities import Rights
from knockd.process.loop import Loop, Timer
from knockd_conf.model import Config

_ANSWERS = Start, Granted, Refuse
"""Commands that say at once what becomes of a knock."""

LOOK = 60.0
"""Seconds after which the clock is looked at again: the loop's does not count while the machine sleeps."""


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
        watch: Callable[..., IdleWatch] = IdleWatch,
        today: Callable[[], str] = local_day,
    ) -> None:
        """``today`` says the date here, as YYYY-MM-DD."""
        self._loop = loop
        self._logger = logger
        self._clock = clock
        self._today = today
        self._doors = config.doors
        self._leases = Leases(config.options.max_leases, run=random_name())
        self._refusals = RateLimit(loop, logger.log)
        self._unsaid: dict[int, tuple[Knock, Callable[[], None]]] = {}
        """Who is to hear of openings that are granted, by the identity of the knock: two may be equal."""
        self.sharing = Sharing()
        """Tells other gateways what becomes of leases."""
        self._recovery = Recovery(loop, logger.log, is_new=self.ask.is_new, handle=self._handle)
        self._commands = DoorCommands(
            loop,
            logger.log,
            have,
            handle=self._handle,
            refuse=self._log_refused,
            granted=self._grant,
            started=lambda knock: self.answered(knock, None),
            runner=runner,
        )
        self._commands.output = config.options.command_output
        self._noting = Noting(
            loop,
            clock,
            journal or JournalFile(config.options.state_dir, logger.log, clock, self._records),
            run=self._commands.run,
            refuse=self._refuse,
            choose=self._choose_place,
            written=self._arm,
        )
        self._noting.required = config.options.state_required
        self._idle = watch(loop, clock, logger.log, self._leases, self._handle)
        self._tick: Timer | None = None
        self._patience = Patience(loop, self._finish)
        self._done: Callable[[int], None] | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called whenever leases may have changed."""
        self.answered: Callable[[Knock, str | None], None] = _ignore
        """Called with every opening: why it is refused; None when its start command, if any, has worked."""

    @property
    def runner(self) -> Runner:
        """What runs the commands: call its ``reap`` on SIGCHLD, and its ``stop`` at the end."""
        return self._commands.runner

    @property
    def ask(self) -> Questions:
        """What can be asked of the leases."""
        return self._leases.ask

    @property
    def now(self) -> float:
        """The clock of leases: seconds since boot."""
        return self._clock()

    @property
    def counts(self) -> tuple[int, int]:
        """How many doors are open, and how many of them could not be closed."""
        return self.ask.count_opened(), self.ask.count_failed()

    @property
    def lasts(self) -> bool:
        """Whether the next start finds what is noted of open doors."""
        return self._noting.journal.lasts

    @property
    def noted_in(self) -> tuple[str, str | None]:
        """Where open doors are noted, and why that is not StateDir, if it is not."""
        return self._noting.journal.where

    def recover(self) -> None:
        """Takes over what earlier runs have left open. Call it once, before anybody can knock."""
        self._commands.rights.check_doors(self._doors)
        self._idle.check_doors(self._doors)
        gc.disable()  # nothing of 65,536 leases is garbage: looking costs as much as making them
        try:
            self._choose_place()
        finally:
            gc.freeze()
            gc.enable()

    def adopt(self, config: Config) -> None:
        """Takes a new configuration; leases that are open stay, and are closed as they were opened to be."""
        self._doors = config.doors
        self._leases.bound = config.options.max_leases
        self._noting.required = config.options.state_required
        self._noting.journal.move(config.options.state_dir)
        self._commands.output = config.options.command_output
        self._commands.rights.check_doors(config.doors)
        self._idle.check_doors(config.doors)
        self._choose_place()

    def open(self, knock: Knock, *, by_hand: bool = False, granted: Callable[[], None] | None = None) -> None:
        """Opens the door of a complete knock, or refuses to: also when it could not be closed.

        ``by_hand``: it opens whoever may knock, and on whatever day. ``granted`` is called before the first
        command of an opening that is not refused.
        """
        self._unsaid[id(knock)] = knock, granted or _nothing
        self._admit(knock, Knocked(knock), None if by_hand else self.find_bar(knock))

    def renew(self, knock: Knock) -> None:
        """Gives what is open for a knocker its time anew, as the door's Reknock says, or refuses to.

        With Reknock = repeat it does what Reknock = renew does, for what was opened last.
        """
        self._unsaid[id(knock)] = knock, _nothing
        self._admit(knock, Renewed(knock), self.find_bar(knock))

    def _admit(self, knock: Knock, event: Knocked | Renewed, obstacle: str | None) -> None:
        """Gives a knock to the table, or refuses it."""
        obstacle = obstacle or self._commands.find_obstacle(knock)
        if obstacle is None and self.ask.lease_of(knock) is None:
            obstacle = self._commands.find_crowd(knock, self._noting.count_awaited())
        first = self.ask.closes_first(knock, renewing=isinstance(event, Renewed))
        if obstacle is None and self._noting.required and first:
            reason = self._noting.commit()  # where that fails what is open stays so
            obstacle = None if reason is None else NOT_NOTED.format(reason)
        if obstacle is None:
            self._handle(event)
        else:
            self._log_refused(knock, obstacle)

    def close_leases(self, leases: Sequence[str], why: str = BY_HAND) -> None:
        """Runs the stop commands of leases, by their ids, as if their time were over.

        ``why``: why a knock is refused that would have opened one again.
        """
        if why != CLOSED_ELSEWHERE:
            self.sharing.note_closed(filter(None, map(self.ask.get, leases)))
        self._handle(Close(tuple(leases), why))

    def extend(self, lease: str, seconds: float, *, elsewhere: bool = False) -> None:
        """Gives a lease that is open more time; it is noted when this returns.

        ``elsewhere``: another gateway has done so.
        """
        self._handle(Extend(lease, seconds))
        if not elsewhere:
            self.sharing.note_extended(self.ask.get(lease), self.now)
        self._noting.commit()

    def give_up(self, lease: str) -> None:
        """Gives a lease up whose stop command has failed; that is noted when this returns."""
        self._handle(GiveUp(lease))
        self._noting.commit()

    def find_bar(self, knock: Knock) -> str | None:
        """Why the door is not for this knocker, or not today; by hand it can be opened all the same."""
        return find_bar(knock, self._today())

    def preview(self, knock: Knock) -> Preview:
        """What a knock would run; runs nothing."""
        found = self._commands.preview(knock)
        return found._replace(obstacle=self.find_bar(knock) or found.obstacle)

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
        self._patience.hurry_after(max(0.0, patience / 2 - spent), self._commands.runner.hurry)
        self._settle(max(0.0, patience - spent), done)

    def end_now(self) -> None:
        """Ends what ``close`` or ``keep`` has begun without waiting any longer."""
        self._patience.end_now()

    def left(self) -> list[Knock]:
        """Who has a door that is not closed, in the order in which they opened them."""
        return [lease.knock for lease in self.ask.all()]

    def can_keep(self) -> bool:
        """Whether the next start will know of the leases: those in memory alone nobody would ever close."""
        self._drop_starts()
        self._noting.commit_last(len(self._leases))
        return self._noting.journal.lasts or not len(self._leases)

    def keep(self, patience: float, done: Callable[[int], None]) -> None:
        """Leaves every lease to the next start; calls ``done`` once with how many there are.

        It is called in a later turn of the loop; commands that run get ``patience`` seconds to end.
        """
        self._drop_starts()
        self._handle(KeepAll())
        self._settle(patience, done)

    def _settle(self, patience: float, done: Callable[[int], None]) -> None:
        self._done = done
        self._patience.begin(patience)
        self._arm()

    def _finish(self) -> None:
        done, self._done = self._done, None
        assert done is not None
        self._drop_starts()  # of renewals whose stop command has ended meanwhile
        self._noting.commit_last(len(self._leases))
        self._noting.stop()
        self._refusals.stop()
        self._idle.stop()
        if self._tick is not None:
            self._tick.cancel()
        done(len(self._leases))

    def _drop_starts(self) -> None:
        """Refuses openings whose start command waits for a note or for a slot."""
        for start in self._noting.take_starts():
            self._refuse(start, ENDING)
        self._commands.runner.drop_waiting()

    def _records(self) -> Iterable[Record]:
        return map(record_of, self.ask.all())

    # Events and commands.

    def _handle(self, event: Event) -> None:
        commands = self._leases.handle(event, self._clock())
        if isinstance(event, Knocked) and not any(isinstance(one, _ANSWERS) for one in commands):
            self._grant(event.knock)  # what is open is closed first, or is being closed
        self._do(commands)
        if isinstance(event, Looked):
            self.sharing.note_looked(filter(None, map(self.ask.get, event.leases)), self._clock())
        self._arm()

    def _do(self, commands: Sequence[Command]) -> None:
        """Does the list in order. A start behind a note waits for the journal."""
        noted = False
        for command in commands:
            match command:
                case Note() | Forget():
                    self._noting.note(command)
                    noted = True
                case Start() if noted:
                    if not self._noting.required:
                        self._grant(command.knock)
                    self._noting.wait(command)
                case Start() | Stop():
                    self._commands.run(command)
                case Granted(knock):
                    self._grant(knock)
                    self.answered(knock, None)
                case Refuse(knock, reason):
                    self._log_refused(knock, reason)
                case Log(event, fields):
                    self._logger.log(event, **fields)
                    if event == "left":
                        self.sharing.note_left(str(fields["door"]), str(fields["ip"]))
        if noted:
            self._noting.plan_commit()

    def _arm(self) -> None:
        """Sets the one timer to the next deadline; at the end looks whether there is nothing to wait for."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        deadline = self._leases.next_deadline()
        if deadline is not None:
            seconds = min(max(0.0, deadline - self._clock()), LOOK)
            self._tick = self._loop.call_later(seconds, self._due)
        self._idle.arm()
        if self._patience.is_waiting and not self._noting.is_awaited and self._leases.is_settled():
            self.end_now()
        self.changed()

    def _due(self) -> None:
        self._tick = None
        self._handle(Tick())

    def _choose_place(self) -> None:
        """Chooses the journal's place and takes over what it holds: at start, at reload, each minute."""
        for found in self._noting.journal.find():
            self._recovery.take_over(found)
        if len(self._leases) or any(door.stop_command or door.stop_command_6 for door in self._doors):
            self._noting.choose()

    def _refuse(self, start: Start, reason: str) -> None:
        """Refuses an opening whose start command waited."""
        if start.lease is not None:
            self._handle(NotStarted(start.lease))
        self._log_refused(start.knock, reason)

    def _grant(self, knock: Knock) -> None:
        """Says once that an opening is one: only its own commands and the end of the daemon undo it."""
        _, granted = self._unsaid.pop(id(knock), (knock, None))
        if granted is not None:
            granted()
            self.sharing.note_granted(knock)

    def _log_refused(self, knock: Knock, reason: str) -> None:
        self._unsaid.pop(id(knock), None)
        self._refusals.log("refused", ip=knock.source, door=knock.door.name, reason=reason)
        self.answered(knock, reason)


def _nothing() -> None:
    """Nobody is to hear of it."""


def _ignore(knock: Knock, reason: str | None) -> None:
    """Nobody waits for the answer."""
