"""Which sequences of keys are used, in a record that outlives the daemon (key_record).

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from knockd.sequences.key_record import KeyRecord
from knockd.sequences.rotating_watches import LIVE
from knockd_conf.classes import NamedTuple
from knockd_conf.timed import MAX_PERIOD

KEPT: Final = 2.0 * MAX_PERIOD
"""Seconds before the newest time after which a note counts no more: no period that ended then opens."""

_USED: Final = "used"


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
    """The used sequences that ``record`` holds. Times are in seconds since the epoch."""

    def __init__(self, record: KeyRecord) -> None:
        self._record = record
        self._used: dict[User, Use] = {}
        record.kinds.append(self)

    def begin_key(self, user: User, path: str, changed: float) -> None:
        """A key is new here, of a file that was ``changed`` then.

        Before that, and in another file, it may have had another name: what any key of the door had used
        then is used. That is noted, too: what the other key uses from now on does not count here.
        """
        before = self._until(user)
        for other, use in list(self._used.items()):
            if other[0] == user[0] and (use.path != path or use.noted <= changed + SLACK):
                self._use(user, use)
        if self._until(user) > before:
            self._note(user)

    def find_floor(self, length: int) -> float:
        """What begins before this time may have been used before the start; 0: all of that is known.

        Periods of ``length`` seconds open before they begin: a knocker's clock may be ahead.
        """
        return self._record.floor + LIVE * length if self._record.floor else 0.0

    def find_used_until(self, user: User, length: int) -> float:
        """What begins before this time opens nothing any more, with periods of ``length`` seconds."""
        return max(self.find_floor(length), self._until(user))

    def burn(self, user: User, until: float, now: float, path: str) -> None:
        """Notes that what begins before ``until`` is used; when this returns it survives a power cut.

        ``path``: the file that the key is in. Where the note does not survive the log says so.
        """
        self._use(user, Use(until, self._record.reach(now), path))
        self._note(user)

    def absorb(self, note: list[Any]) -> None:
        """Takes in a note of a used sequence."""
        match note:
            case ["used", str(door), str(key), int() | float() as until, int() | float() as noted, str(path)]:
                self._use((door, key), Use(float(until), float(noted), path))
                self._record.reach(float(noted))

    def list_notes(self) -> Iterator[list[Any]]:
        """All that still counts."""
        oldest = self._record.newest - KEPT
        self._used = {user: use for user, use in self._used.items() if use.until > oldest}
        for user, use in self._used.items():
            yield [_USED, *user, *use]

    def _until(self, user: User) -> float:
        return self._used.get(user, NEVER).until

    def _note(self, user: User) -> None:
        self._record.note([_USED, *user, *self._used[user]], lasting=True)

    def _use(self, user: User, use: Use) -> None:
        before = self._used.get(user, NEVER)
        newer = use if use.noted >= before.noted else before
        self._used[user] = newer._replace(until=max(use.until, before.until))
