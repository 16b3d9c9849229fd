"""Where the journal is: StateDir, else /run/knockd, else nowhere but in memory; and what was found there.

Every commit tries StateDir first. A journal is read before its place is written to, and what
it holds is handed over: at the start the newest of this boot wins, later it is merged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from knockd.edge.boot import boot_id
from knockd.edge.store import Store
from knockd.engine.journal import VERSION, Journal, Parsed, Record, encode, parse

RUNTIME = "/run/knockd"
"""Where the journal goes when StateDir cannot be written: gone after a power cut, like most rules."""

MEMORY = "memory alone"


class Found(NamedTuple):
    """Leases that a journal holds. Of another boot: their time has no meaning any more."""

    records: tuple[Record, ...]
    same_boot: bool


Merge = Callable[[Found], None]


class Bookkeeper:
    """The places of the journal, best first. ``say`` logs an event."""

    def __init__(
        self,
        state_dir: str,
        say: Callable[..., None],
        clock: Callable[[], float],
        *,
        runtime: str | None = None,
        boot: str | None = None,
    ) -> None:
        self._say = say
        self._clock = clock
        self._boot = boot or boot_id()
        runtime = runtime or os.environ.get("RUNTIME_DIRECTORY", RUNTIME).partition(":")[0]
        self._runtime = Store(runtime)
        self._places = [self._runtime] if state_dir == runtime else [Store(state_dir), self._runtime]
        self._retired: list[Store] = []
        self._unread = set(self._places)
        self._problem: tuple[str, str] | None = None
        self._serial = 0
        self._newest = 0
        self.lasts = False
        """Whether the last commit is where the next run finds it."""

    @property
    def state_dir(self) -> str:
        """The place that is tried first."""
        return self._places[0].path

    def move(self, state_dir: str) -> None:
        """Another StateDir: the next commit goes there, and then what the old one holds goes away."""
        if state_dir == self.state_dir:
            return
        known = {place.path: place for place in (*self._places, *self._retired)}
        new = known.get(state_dir) or Store(state_dir)
        if not new.held:
            self._unread.add(new)
        self._places = [new] if new is self._runtime else [new, self._runtime]
        self._retired = [place for place in known.values() if place not in self._places and place.held]
        self._unread.intersection_update(self._places)

    def read(self, *, create: bool) -> list[Found]:
        """What earlier runs have left, at the start. ``create``: StateDir is made when it is not there."""
        journals = []
        for place in self._places:
            with suppress(OSError):  # the first commit says why
                data = self._take(place, create=create and place is self._places[0])
                if data is not None:
                    journals.append(data)
        here = sorted((j for j in journals if j.boot == self._boot), key=lambda j: -j.serial)
        found = []
        for journal in here:
            found.append(Found(journal.records, same_boot=True))
            self._newest = max(self._newest, journal.serial)
            if journal.complete:
                break  # it replaces all that were written before it
        found += [Found(j.records, same_boot=False) for j in journals if j.boot != self._boot]
        return found

    def commit(self, records: Callable[[], Sequence[Record]], merge: Merge) -> str | None:
        """Writes the journal to the best place there is. Returns why that is not StateDir, or None.

        What a place holds that could not be read before goes to ``merge`` first.
        """
        reason = None
        for place in self._places:
            try:
                if place.moved():
                    place.release()
                if not place.held:
                    self._take_late(place, merge)
                place.write(self._encoded(records()))
            except OSError as error:
                reason = reason or _why(error)
                continue
            self._clear_others(place)
            self._tell(place.path if reason else None, reason)
            self.lasts = True
            return reason
        self._tell(MEMORY, reason)
        self.lasts = False
        return reason

    def _encoded(self, records: Sequence[Record]) -> bytes:
        # By the clock, so that of two journals of one boot the later one counts, whoever wrote it.
        self._serial = max(self._serial + 1, int(self._clock() * 1000))
        return encode(Journal(self._boot, self._serial, tuple(records), complete=not self._unread))

    def _take(self, place: Store, *, create: bool) -> Journal | None:
        """Makes a place ours and reads it. Raises OSError."""
        try:
            data = place.take(create=create)
        except FileNotFoundError:
            if not create:
                self._unread.discard(place)  # there is nothing to read
            raise
        parsed = parse(data) if data is not None else None
        if data is not None and parsed is not None and (parsed.damaged or parsed.version != VERSION):
            self._set_aside(place, data, parsed)
        self._unread.discard(place)
        return parsed.journal if parsed is not None else None

    def _take_late(self, place: Store, merge: Merge) -> None:
        journal = self._take(place, create=True)
        if journal is None:
            return
        if journal.boot != self._boot:
            merge(Found(journal.records, same_boot=False))
        elif journal.serial > self._newest:  # what we began with did not know it
            merge(Found(journal.records, same_boot=True))

    def _set_aside(self, place: Store, data: bytes, parsed: Parsed) -> None:
        """Keeps what could not be read, loudly. Raises OSError when nobody may ever read it again."""
        try:
            aside = place.set_aside(data)
        except OSError as error:
            if parsed.version != VERSION:
                place.release()
                raise OSError(
                    error.errno, f"holds a journal of format {parsed.version}, and {_why(error)}"
                ) from None
            aside = f"nothing ({_why(error)})"
        path = os.path.join(place.path, "leases")
        if parsed.version != VERSION:
            self._say("journal-unknown", level="error", path=path, version=parsed.version, aside=aside)
        else:
            self._say("journal-damaged", level="error", path=path, count=parsed.damaged, aside=aside)

    def _clear_others(self, used: Store) -> None:
        """Removes older journals: what they hold is in the one that was just written."""
        below = self._places[self._places.index(used) + 1 :]
        for place in (*below, *self._retired):
            if place.held:
                with suppress(OSError):  # it is older, and the higher serial wins
                    place.clear()
                place.release()
        self._retired.clear()

    def _tell(self, place: str | None, reason: str | None) -> None:
        if place is None or reason is None:
            if self._problem is not None:
                self._say("state-restored", path=self.state_dir)
            self._problem = None
        elif (place, reason) != self._problem:
            self._problem = place, reason
            self._say("state-problem", level="error", path=self.state_dir, reason=reason, place=place)


def _why(error: OSError) -> str:
    return error.strerror or str(error)
