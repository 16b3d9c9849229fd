"""The journal at work: when it is written, where it is kept, and start commands that wait for it.

All openings of one turn of the loop share one commit.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from knockd.leases.commit_schedule import CommitSchedule
from knockd.leases.journal import Record
from knockd.leases.journal_file import Found
from knockd.leases.values import Forget, Note, Start
from knockd.process.loop import Loop, Timer

TRY_AGAIN = 60.0
"""Seconds after which the journal's place is chosen again when it is not StateDir."""

NOT_NOTED = "State_Required, and StateDir cannot be written ({})"
"""Why an opening is refused, for a reason of the system."""


class LeaseJournal(Protocol):
    """Where leases are noted: a JournalFile, or a double of it."""

    @property
    def lasts(self) -> bool: ...
    @property
    def where(self) -> tuple[str, str | None]: ...
    def note(self, record: Record) -> None: ...
    def forget(self, lease: str) -> None: ...
    def find(self) -> list[Found]: ...
    def choose(self) -> str | None: ...
    def commit(self) -> str | None: ...
    def move(self, state_dir: str) -> None: ...


class Noting:
    """Writes a journal, and runs the start commands that waited for it.

    ``run`` runs one, ``refuse`` refuses one for a reason, ``choose`` chooses the journal's place again and
    ``written`` is called after each commit.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Callable[[], float],
        journal: LeaseJournal,
        *,
        run: Callable[[Start], None],
        refuse: Callable[[Start, str], None],
        choose: Callable[[], None],
        written: Callable[[], None],
    ) -> None:
        self._loop = loop
        self.journal = journal
        self.required = False
        """Whether nothing opens that StateDir does not note (State_Required)."""
        self._run = run
        self._refuse = refuse
        self._choose = choose
        self._written = written
        self._schedule = CommitSchedule(loop, clock, self.commit)
        self._starts: list[Start] = []
        self._next_choice: Timer | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether start commands wait."""
        return bool(self._starts)

    def count_awaited(self) -> int:
        """How many start commands wait."""
        return len(self._starts)

    def note(self, command: Note | Forget) -> None:
        """The next commit has this."""
        if isinstance(command, Note):
            self.journal.note(command.record)
        else:
            self.journal.forget(command.lease)

    def wait(self, start: Start) -> None:
        """Runs a start command after the next commit."""
        self._starts.append(start)

    def plan_commit(self) -> None:
        """Plans a commit, soon when a start command waits for it."""
        self._schedule.plan_commit(urgent=self.is_awaited)

    def take_starts(self) -> list[Start]:
        """Takes the start commands that wait: they are not run."""
        starts, self._starts = self._starts, []
        return starts

    def choose(self) -> None:
        """Chooses the journal's place, and commits."""
        self._write(self.journal.choose)

    def commit(self) -> str | None:
        """Commits now; returns why the journal is not in StateDir, or None."""
        return self._write(self.journal.commit)

    def commit_last(self, leases: int) -> None:
        """Commits at the end, which waits for no other minute: what is in memory alone gets a place."""
        in_memory = leases and not self.journal.lasts
        self._write(self.journal.choose if in_memory else self.journal.commit)

    def stop(self) -> None:
        """Nothing is planned any more."""
        self._schedule.cancel_commit()
        if self._next_choice is not None:
            self._next_choice.cancel()

    def _write(self, write: Callable[[], str | None]) -> str | None:
        starts = self.take_starts()
        reason = self._schedule.time_commit(write)
        if reason is None and self._next_choice is not None:
            self._next_choice.cancel()
            self._next_choice = None
        elif reason is not None and self._next_choice is None:
            self._next_choice = self._loop.call_later(TRY_AGAIN, self._choose_again)
        for start in starts:
            if reason is not None and self.required:
                self._refuse(start, NOT_NOTED.format(reason))
            else:
                self._run(start)
        self._written()
        return reason

    def _choose_again(self) -> None:
        self._next_choice = None
        self._choose()
