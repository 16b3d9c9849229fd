"""What of keys is used, and the newest time: noted so that no used sequence opens again.

Two files are kept, a line for each note: one beside the journal, in StateDir, and one in the runtime
directory, which a reboot empties. The second one has every note of this boot; the first what must outlive it,
so that the disk is written to as rarely as may be. An opening is in both before its command runs.

| the runtime directory | StateDir | nothing is good from before |
|---|---|---|
| has notes, and takes more | in any state | what they say |
| has notes | takes more | what they say |
| has none | has notes, and takes more | what they say |
| has none | has none, is on a disk, and takes some | all is good: none was ever used |
| has none | anything else, such as notes that cannot be read | the start |

World: the notes of used periods.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

from knockd.files.mounts import may_be_emptied
from knockd.files.state_dir import make_directory
from knockd.log.logger import Log
from knockd.sequences.noted_lines import NotedLines
from knockd_conf.timed import MAX_PERIOD
from knockd_conf.trust import TrustPolicy

NAME: Final = "used-periods"
COMPACT: Final = 65_536
"""Bytes over which a file is written anew, with what still counts."""

KEPT: Final = 2.0 * MAX_PERIOD
"""Seconds before the newest time after which a note counts no more: no period that ended then opens."""

_USED, _NEWEST, _FLOOR, _UNSETTLED = "used", "newest", "floor", "unsettled"


class Found(Enum):
    """What is in a file."""

    NOTES = "notes"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"


User = tuple[str, str]
"""The names of a door and of a key: two doors of one name would have the same sequences."""


class Use(NamedTuple):
    """What begins before ``until`` is used; ``noted``: when that was noted, of a key of the file ``path``."""

    until: float
    noted: float
    path: str


NEVER: Final = Use(0.0, 0.0, "")

SLACK: Final = 2.0
"""Seconds by which the times of files may be coarse."""


class BurntPeriods:
    """Notes in StateDir and, under ``name``, in the runtime directory. Times are in seconds since the epoch.

    ``newest`` is the newest time that is known, and what begins before ``floor`` opens nothing. ``passes``
    says whether a reboot may empty a directory.
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
        self._log = log
        self._used: dict[User, Use] = {}
        what = "notes used sequences of keys"
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
            self._lasting.rewrite(self._values())
            never = lasting is Found.NOTHING and this_boot is Found.NOTHING and not self._lasting.passes
            known = lasting is Found.NOTES or never
            self.needs_floor = unsettled or bool(self._lasting.problem) or not known
        for place in (self._lasting, self._passing):
            place.rewrite(self._values())
        if self._lasting.problem and self._passing.problem:
            self.needs_floor = True  # what was used last may be noted nowhere
        self._say()

    def settle(self, now: float) -> None:
        """Nothing that begins before this moment opens."""
        self.needs_floor = False
        self.floor = now
        self.newest = max(self.newest, now)
        for place in (self._lasting, self._passing):
            place.rewrite(self._values())
        self._say()

    def begin_key(self, user: User, path: str, changed: float) -> None:
        """A key is new here, of a file that was ``changed`` then.

        Before that, and in another file, it may have had another name: what any key of the door had used
        then is used. That is noted, too: what the other key uses from now on does not count here.
        """
        before = self.find_used_until(user)
        for other, use in list(self._used.items()):
            if other[0] == user[0] and (use.path != path or use.noted <= changed + SLACK):
                self._use(user, use)
        if self.find_used_until(user) > before:
            self._note([_USED, *user, *self._used[user]], lasting=True)

    def find_used_until(self, user: User) -> float:
        """What begins before this time opens nothing any more."""
        return max(self.floor, self._used.get(user, NEVER).until)

    def burn(self, user: User, until: float, now: float, path: str) -> None:
        """Notes that what begins before ``until`` is used; when this returns it survives a power cut.

        ``path``: the file that the key is in. Where the note does not survive the log says so.
        """
        self.newest = max(self.newest, now)
        self._use(user, Use(until, self.newest, path))
        self._note([_USED, *user, *self._used[user]], lasting=True)

    def _use(self, user: User, use: Use) -> None:
        before = self._used.get(user, NEVER)
        newer = use if use.noted >= before.noted else before
        self._used[user] = newer._replace(until=max(use.until, before.until))

    def note_time(self, now: float, *, lasting: bool) -> None:
        """Notes the newest time; ``lasting``: also where it survives a power cut."""
        self.newest = max(self.newest, now)
        self._note([_NEWEST, self.newest], lasting=lasting)

    def move(self, state_dir: str) -> None:
        """Notes in another StateDir from now on, with all that was noted before."""
        if state_dir == self._lasting.directory:
            return
        self._lasting = _Place(state_dir, self._lasting.lines, self._lasting.may_pass)
        self._absorb(self._lasting)
        self._lasting.rewrite(self._values())
        self._say()

    def _note(self, value: list[Any], *, lasting: bool) -> None:
        """Writes a note; ``lasting``: to StateDir, too."""
        for place in (self._lasting, self._passing) if lasting else (self._passing,):
            if place.append(value) > COMPACT:
                self._absorb(place)  # another daemon may note there, too
                place.rewrite(self._values())
        self._say()

    def _values(self) -> Iterator[list[Any]]:
        """All that still counts."""
        self._used = {user: use for user, use in self._used.items() if use.until > self.newest - KEPT}
        yield [_NEWEST, self.newest]
        yield [_FLOOR, self.floor]
        if self.needs_floor:
            yield [_UNSETTLED]
        for user, use in self._used.items():
            yield [_USED, *user, *use]

    def _absorb(self, place: _Place) -> Found:
        """Takes in what a file holds."""
        try:
            values = place.lines.read(place.directory)
        except OSError as error:
            self._log("periods-unread", reason=str(error.strerror))
            return Found.UNREADABLE
        for value in values or ():
            match value:
                case [
                    "used",
                    str(door),
                    str(key),
                    int() | float() as until,
                    int() | float() as noted,
                    str(path),
                ]:
                    self._use((door, key), Use(float(until), float(noted), path))
                    self._absorb_time(noted)
                case ["newest", newest]:
                    self._absorb_time(newest)
                case ["unsettled"]:
                    self.needs_floor = True
                case ["floor", int() | float() as floor]:
                    self.floor = max(self.floor, float(floor))
        return Found.NOTHING if values is None else Found.NOTES

    def _absorb_time(self, newest: object) -> None:
        if isinstance(newest, int | float):
            self.newest = max(self.newest, float(newest))

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

    ``passes``: a reboot may take what is there.
    """

    def __init__(self, directory: str, lines: NotedLines, may_pass: Callable[[str], bool]) -> None:
        self.directory = directory
        self.lines = lines
        self.may_pass = may_pass
        self.problem = ""
        self.passes = True

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.lines.name)

    def append(self, value: object) -> int:
        """Adds a note, and makes the file where it is gone; returns the bytes of the file, 0 if it failed."""
        try:
            size = self.lines.append(self.directory, value)
        except OSError as error:
            self.problem = f"{self.directory}: {error.strerror}"
            return 0
        self.problem = ""
        return size

    def rewrite(self, values: Iterable[object]) -> None:
        """Writes the file anew, and makes its directory where it is gone."""
        try:
            make_directory(self.directory)
            self.lines.replace(self.directory, values)
        except OSError as error:
            self.problem = f"{self.directory}: {error.strerror}"
        else:
            self.problem = ""
        self.passes = self.may_pass(self.directory)
