"""The journal of leases on disk: in StateDir, else in /run/knockd, else nowhere but in memory.

The place is chosen by ``choose``, where the file is written whole; a commit writes only what has changed. A
journal is read before its place is written to: ``find`` returns what is not known of it yet.

World: the environment.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from knockd.files.state_dir import StateDir
from knockd.leases.boot import boot_id, random_name
from knockd.leases.journal import READ, Journal, Parsed, Record, encode_record, parse
from knockd.leases.journal_layout import Layout, lay_out
from knockd.leases.journal_lineage import Lineage
from knockd.log.logger import Log
from knockd_conf.classes import NamedTuple

RUNTIME = "/run/knockd"
"""Where the journal goes when StateDir cannot be written: gone after a power cut, like most rules."""

MEMORY = "memory alone"


MANY = 1_024
"""Changed leases of which a commit writes the file whole, when they are most of all."""

FEW = 8
"""Leases of which a commit writes the file whole, when it is sparse."""


class Found(NamedTuple):
    """Leases that a journal holds. Of another boot: their time has no meaning any more."""

    records: tuple[Record, ...]
    same_boot: bool


class JournalFile:
    """What is noted of leases, and the directories for it, best first. ``log`` logs an event.

    ``read_leases`` gives the records of all leases as they are now: they are held nowhere else.
    """

    def __init__(
        self,
        state_dir: str,
        log: Log,
        clock: Callable[[], float],
        read_leases: Callable[[], Iterable[Record]],
        *,
        runtime: str | None = None,
        boot: str | None = None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._read_leases = read_leases
        self._boot = boot or boot_id()
        runtime = runtime or find_runtime_directory()
        self._runtime = StateDir(runtime)
        self._places = [self._runtime] if state_dir == runtime else [StateDir(state_dir), self._runtime]
        self._retired: list[StateDir] = []
        self._unread = set(self._places)
        self._place: StateDir | None = None
        self._reason: str | None = None
        """Why the chosen place is not StateDir."""
        self._problem: tuple[str, str] | None = None
        self._layout: Layout | None = None
        """Of the file that was written whole last, in ``_written_to``."""
        self._written_to: StateDir | None = None
        self._header: Journal | None = None
        """Of that file."""
        self._changed: dict[str, Record | None] = {}
        """What that file does not say yet; None: it is to be forgotten."""
        self._failure: tuple[int | None, str] | None = None
        """Why that file could not be changed, until a lease is noted there again."""
        self._serial = 0
        self._lineage = Lineage(random_name())
        self.lasts = False
        """Whether what is noted is where the next run finds it."""

    @property
    def state_dir(self) -> str:
        """The directory that is tried first."""
        return self._places[0].path

    @property
    def where(self) -> tuple[str, str | None]:
        """Where leases are noted, and why that is not StateDir, if it is not."""
        if self._place is None and self._reason is None:  # nothing was to be noted yet
            return self.state_dir, None
        return (MEMORY if self._place is None else self._place.path), self._reason

    def note(self, record: Record) -> None:
        """The next commit writes this record, in the place of an older one of the same lease."""
        if self._layout is not None:
            self._changed[record.id] = record

    def forget(self, lease: str) -> None:
        """The next commit leaves this lease out."""
        if self._layout is not None:
            self._changed[lease] = None

    def move(self, state_dir: str) -> None:
        """Makes another directory StateDir; the journal of the old one stays until that has taken it."""
        if state_dir == self.state_dir:
            return
        known = {place.path: place for place in (*self._places, *self._retired)}
        new = known.get(state_dir) or StateDir(state_dir)
        if not new.held:
            self._unread.add(new)
        self._places = [new] if new is self._runtime else [new, self._runtime]
        self._retired = [place for place in known.values() if place not in self._places and place.held]
        self._unread.intersection_update(self._places)

    def find(self) -> list[Found]:
        """What the directories hold that is not known yet: left by earlier runs. Makes no directory."""
        journals = []
        for place in self._places:
            with suppress(OSError):  # ``choose`` says why
                self._let_go_when_moved(place)
                if place in self._unread and (journal := self._read(place, create=False)) is not None:
                    journals.append(journal)
        new = self._lineage.take_new([j for j in journals if j.boot == self._boot])
        found = [Found(journal.records, same_boot=True) for journal in new]
        found += [Found(j.records, same_boot=False) for j in journals if j.boot != self._boot]
        return found

    def choose(self) -> str | None:
        """Writes the journal to the best directory that takes it: from now on it is there.

        Where it is already, only what has changed is written. Returns why that is not StateDir, or None.
        """
        self._place = self._reason = None
        whole = self._failure is not None or (self._layout is not None and self._layout.is_sparse())
        for place in self._places:
            reason = self._write(place, whole=whole)
            if reason is None:
                self._place = place
                break
            self._reason = self._reason or reason
        if self._place is not None:
            self._clear_others(self._place)
        return self._log_place(self._place, self._reason)

    def commit(self) -> str | None:
        """Writes what has changed where the journal is. Returns why it is not in StateDir, or None."""
        if self._place is None:
            return self._reason
        reason = self._write(self._place)
        return self._log_place(None if reason else self._place, self._reason or reason)

    def _write(self, place: StateDir, *, whole: bool = False) -> str | None:
        """Writes to a directory, which is made when it is not there; returns why it cannot, or None."""
        try:
            self._let_go_when_moved(place)
            if not place.held and self._read(place, create=True) is not None:
                self._unread.add(place)
                place.release()
                raise OSError(errno.EEXIST, "it holds a journal that was not there before")
            if whole or not self._update(place):
                self._write_whole(place)
        except OSError as error:
            return _why(error)
        return None

    def _update(self, place: StateDir) -> bool:
        """Writes what has changed. Returns False when the file has to be written whole. Raises OSError."""
        layout = self._layout
        if layout is None or place is not self._written_to or self._header != self._make_header(self._header):
            return False
        if len(self._changed) > max(MANY, len(layout) // 2) or (layout.is_sparse() and len(layout) <= FEW):
            return False
        serial = self._next_serial()
        lines = {id_: one and encode_record(one, serial) for id_, one in self._changed.items()}
        change = layout.plan_change(lines)
        try:
            done = place.update(change.steps)
        except OSError as error:
            layout.abandon(change)
            self._failure = error.errno, _why(error)
            raise
        if done:
            layout.confirm(change)
            self._changed.clear()
            if change.placed:
                self._failure = None
            elif self._failure is not None:  # a full disk lets us forget, but not note
                raise OSError(*self._failure)
        return done

    def _write_whole(self, place: StateDir) -> None:
        """Writes a new file in the place of the old one. Raises OSError."""
        header = self._make_header(None)
        layout, data = lay_out(header, self._read_leases())
        place.write(data)
        self._layout, self._written_to, self._header = layout, place, header
        self._changed.clear()
        self._failure = None

    def _make_header(self, before: Journal | None) -> Journal:
        """What a file says of itself that is written whole now, with the serial of the one before it."""
        serial = self._next_serial() if before is None else before.serial
        complete, lineage = not self._unread, self._lineage
        return Journal(self._boot, serial, (), complete, lineage.run, lineage.replaces)

    def _next_serial(self) -> int:
        # By the clock, so that of two journals of one boot the later one counts, whoever wrote it.
        self._serial = max(self._serial + 1, int(self._clock() * 1000))
        return self._serial

    def _let_go_when_moved(self, place: StateDir) -> None:
        if place.moved():
            place.release()
            self._unread.add(place)

    def _read(self, place: StateDir, *, create: bool) -> Journal | None:
        """Makes a directory ours and reads its journal. Raises OSError."""
        try:
            data = place.take(create=create)
        except FileNotFoundError:
            if not create:
                self._unread.discard(place)  # there is nothing to read
            raise
        parsed = parse(data) if data is not None else None
        if data is not None and parsed is not None and (parsed.damaged or parsed.version not in READ):
            self._set_aside(place, data, parsed)
        if parsed is not None:
            self._serial = max(self._serial, parsed.journal.serial)  # the clock may have been set back
        self._unread.discard(place)
        return parsed.journal if parsed is not None else None

    def _set_aside(self, place: StateDir, data: bytes, parsed: Parsed) -> None:
        """Keeps what could not be read, loudly. Raises OSError when nobody may ever read it again."""
        try:
            aside = place.set_aside(data)
        except OSError as error:
            if parsed.version not in READ:
                place.release()
                raise OSError(
                    error.errno, f"holds a journal of format {parsed.version}, and {_why(error)}"
                ) from None
            aside = f"nothing ({_why(error)})"
        path = os.path.join(place.path, "leases")
        if parsed.version not in READ:
            self._log("journal-unknown", path=path, version=parsed.version, aside=aside)
        else:
            self._log("journal-damaged", path=path, count=parsed.damaged, aside=aside)

    def _clear_others(self, used: StateDir) -> None:
        """Removes older journals: what they hold is in the one that was just written."""
        below = self._places[self._places.index(used) + 1 :]
        retired = self._retired if used is self._places[0] else []
        for place in (*below, *retired):
            if place.held:
                with suppress(OSError):  # what it holds is ours, which our journal says
                    place.clear()
                place.release()
        retired.clear()

    def _log_place(self, place: StateDir | None, reason: str | None) -> str | None:
        """Logs where the journal is when that has changed; returns ``reason``."""
        self.lasts = place is not None
        if reason is None:
            if self._problem is not None:
                self._log("state-restored", path=self.state_dir)
            self._problem = None
        elif (problem := (place.path if place else MEMORY, reason)) != self._problem:
            self._problem = problem
            self._log("state-problem", path=self.state_dir, reason=reason, place=problem[0])
        return reason


def find_runtime_directory() -> str:
    """The directory for what a reboot may take: the one that the service manager has made, else ours."""
    return os.environ.get("RUNTIME_DIRECTORY", RUNTIME).partition(":")[0]


def _why(error: OSError) -> str:
    return error.strerror or str(error)
