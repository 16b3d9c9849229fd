"""What of keys is used, and the newest time: noted so that nothing that is used opens again.

Two files are kept, a line for each note: one beside the journal, in StateDir, and one in the runtime
directory, which a reboot empties. The second one has every note of this boot; the first what must outlive it,
so that the disk is written to as rarely as may be. What is used is in both before its command runs.

| the runtime directory | StateDir | nothing is good from before |
|---|---|---|
| has notes, and takes more | in any state | what they say |
| has notes | takes more | what they say |
| has none | has notes, and takes more | what they say |
| has none | has none, is on a disk, and takes some | all is good: none was ever used |
| has none | anything else, such as notes that cannot be read | the start |

Each kind of use adds itself to ``kinds``.

World: the notes of what is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final, Protocol

from knockd.files.mounts import may_be_emptied
from knockd.files.state_dir import make_directory
from knockd.log.logger import Log
from knockd.sequences.noted_lines import NotedLines
from knockd_conf.trust import TrustPolicy

NAME: Final = "used-periods"
COMPACT: Final = 65_536
"""Bytes that a file may grow by until it is written anew, with what still counts."""

_NEWEST, _FLOOR, _UNSETTLED = "newest", "floor", "unsettled"


class Kind(Protocol):
    """Notes of one kind of use."""

    def absorb(self, note: list[Any]) -> None:
        """Takes in a note of a file, if it is one of this kind and well formed."""

    def list_notes(self) -> Iterator[list[Any]]:
        """All that still counts."""


class Found(Enum):
    """What is in a file."""

    NOTES = "notes"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"


class KeyRecord:
    """Notes in StateDir and, under ``name``, in the runtime directory. Times are in seconds since the epoch.

    ``newest`` is the newest time that is known; of what was used before ``floor`` nothing is known.
    ``passes`` says whether a reboot may empty a directory.
    """

    def __init__(
        self,
        state_dir: str,
        runtime: str,
        name: str,
        policy: TrustPolicy,
        log: Log,
        passes: Callable[[str], bool] = may_be_emptied,
    ) -> None:
        self.newest = self.floor = 0.0
        self.needs_floor = False
        """Whether openings of before the start may not be known: ``settle`` is to follow."""
        self.kinds: list[Kind] = []
        self._log = log
        what = "notes what is used of keys"
        self._lasting = _Place(state_dir, NotedLines(NAME, what, policy), passes)
        self._passing = _Place(runtime, NotedLines(name, what, policy), passes)
        self._said = ""

    @property
    def records(self) -> str:
        """The paths of both files, for a message."""
        return f"{self._lasting.path} and {self._passing.path}"

    def begin(self) -> None:
        """Reads what was noted, and writes it anew: so it is known whether more can be noted."""
        this_boot, lasting = self._absorb(self._passing), self._absorb(self._lasting)
        if this_boot is not Found.NOTES:
            unsettled, self.needs_floor = self.needs_floor, True  # until it is certain that it is not
            self._lasting.rewrite(self._notes())
            never = lasting is Found.NOTHING and this_boot is Found.NOTHING and not self._lasting.passes
            known = lasting is Found.NOTES or never
            self.needs_floor = unsettled or bool(self._lasting.problem) or not known
        for place in (self._lasting, self._passing):
            place.rewrite(self._notes())
        if self._lasting.problem and self._passing.problem:
            self.needs_floor = True  # what was used last may be noted nowhere
        self._say()

    def settle(self, now: float) -> None:
        """What may have been used before this moment opens nothing."""
        self.needs_floor = False
        self.floor = now
        self.reach(now)
        for place in (self._lasting, self._passing):
            place.rewrite(self._notes())
        self._say()

    def reach(self, now: float) -> float:
        """Time has come so far; returns the newest time that is known."""
        self.newest = max(self.newest, now)
        return self.newest

    def note_time(self, now: float, *, lasting: bool) -> None:
        """Notes the newest time; ``lasting``: also where it survives a power cut."""
        self.note([_NEWEST, self.reach(now)], lasting=lasting)

    def note(self, note: list[Any], *, lasting: bool) -> None:
        """Writes a note; ``lasting``: to StateDir, too, and when this returns it survives a power cut.

        Where it does not the log says so. A place that takes notes again gets those that it has missed.
        """
        for place in (self._lasting, self._passing) if lasting else (self._passing,):
            missed = bool(place.problem)
            size = place.append(note)
            if size > place.compacted + COMPACT or (missed and size):
                self._absorb(place)  # another daemon may note there, too
                place.rewrite(self._notes())
        self._say()

    def move(self, state_dir: str) -> None:
        """Notes in another StateDir from now on, with all that was noted before."""
        if state_dir == self._lasting.directory:
            return
        self._lasting = _Place(state_dir, self._lasting.lines, self._lasting.may_pass)
        self._absorb(self._lasting)
        self._lasting.rewrite(self._notes())
        self._say()

    def _notes(self) -> Iterator[list[Any]]:
        """All that still counts."""
        yield [_NEWEST, self.newest]
        yield [_FLOOR, self.floor]
        if self.needs_floor:
            yield [_UNSETTLED]
        for kind in self.kinds:
            yield from kind.list_notes()

    def _absorb(self, place: _Place) -> Found:
        """Takes in what a file holds."""
        try:
            notes = place.lines.read(place.directory)
        except OSError as error:
            self._log("periods-unread", reason=str(error.strerror))
            return Found.UNREADABLE
        for note in notes or ():
            match note:
                case ["newest", int() | float() as newest]:
                    self.reach(float(newest))
                case ["unsettled"]:
                    self.needs_floor = True
                case ["floor", int() | float() as floor]:
                    self.floor = max(self.floor, float(floor))
                case [str(), *_]:
                    for kind in self.kinds:
                        kind.absorb(note)
        return Found.NOTHING if notes is None else Found.NOTES

    def _say(self) -> None:
        """Logs where notes do not go, once for each reason."""
        lasting, passing = self._lasting, self._passing
        reason = lasting.problem or (f"a reboot may empty {lasting.directory}" if lasting.passes else "")
        if lasting.problem and passing.problem:
            reason = f"{lasting.problem}; {passing.problem}"
        if reason == self._said:
            return
        self._said = reason
        if lasting.problem and passing.problem:
            self._log("periods-unnoted", reason=reason)
        elif reason:
            self._log("periods-unlasting", reason=reason)


class _Place:
    """One of the files. ``problem``: why the last note could not be written; empty: it was.

    ``passes``: a reboot may take what is there. ``compacted``: its bytes when it was written anew.
    """

    def __init__(self, directory: str, lines: NotedLines, may_pass: Callable[[str], bool]) -> None:
        self.directory = directory
        self.lines = lines
        self.may_pass = may_pass
        self.problem = ""
        self.passes = True
        self.compacted = 0

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.lines.name)

    def append(self, note: object) -> int:
        """Adds a note, and makes the file where it is gone; returns the bytes of the file, 0 if it failed."""
        try:
            size = self.lines.append(self.directory, note)
        except OSError as error:
            self.problem = f"{self.directory}: {error.strerror}"
            return 0
        self.problem = ""
        return size

    def rewrite(self, notes: Iterable[object]) -> None:
        """Writes the file anew, and makes its directory where it is gone."""
        try:
            make_directory(self.directory)
            self.compacted = self.lines.replace(self.directory, notes)
        except OSError as error:
            self.problem = f"{self.directory}: {error.strerror}"
        else:
            self.problem = ""
        self.passes = self.may_pass(self.directory)
