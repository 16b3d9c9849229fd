"""Whole knocks at doors with keys: the packet process names the sequence, the keeper says what comes of it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from knockd.keeper.fleet_setup import Burnt
from knockd.keeper.key_setup import KeySetup
from knockd.knocks.events import Stage, Stale
from knockd.leases.opened_by import by_key, find_key
from knockd.leases.values import Knock
from knockd.log.logger import Log, Logger
from knockd.process.verbs import HeldBack, Message
from knockd.sequences.live_periods import Fate
from knockd_conf.model import Door
from knockd_conf.text import address_text

if TYPE_CHECKING:
    from knockd.sequences.keyed_doors import Judgement

HALF: Final = 2
"""Steps after which who listens knows a part of a sequence that may still open."""

_EVENTS = {
    Fate.USED: "key-used",
    Fate.BEHIND: "key-behind",
    Fate.AHEAD: "key-ahead",
    Fate.BEFORE_START: "key-before-start",
}


class KeyKnocks:
    """``doors`` judges knocks; all that is not granted is logged with the reason."""

    def __init__(self, logger: Logger, doors: KeySetup) -> None:
        self.doors = doors
        self._logger = logger

    def open(self, knock: Knock, serial: int) -> tuple[Knock, Burnt] | None:
        """The knock, and by which key it is, if it opens; then its sequence is used. Else None."""
        found = self.doors.get().open(knock.door, serial)
        if found.fate is Fate.GRANTED:
            used = self.doors.get().name_sequence(knock.door, found)
            return knock._replace(by=by_key(found.key)), Burnt(*used)
        _log(self.doors.get().refusals.log, knock.source, knock.door, found)
        return None

    def log_opened(self, knock: Knock) -> None:
        """Logs whose key has opened a door."""
        key = find_key(knock.by)
        self._logger.log("key-opened", ip=knock.source, door=knock.door.name, key=key)

    def hear(self, message: Message, known: list[Door], *, failures: bool) -> None:
        """Logs why a knock opens nothing, if ``failures`` are wanted; notes that somebody is half the way."""
        if isinstance(message, Stale):
            door = known[message.door]
            found = self.doors.get().explain_stale(door, message.serial)
            if failures or found.fate is Fate.REFUSED:
                _log(self._logger.log, address_text(message.source), door, found)
            return
        for door in _half_way(message, known):
            if door.sequence_key is not None:
                self.doors.get().note_stage(door)


def _half_way(message: Message, known: list[Door]) -> Iterable[Door]:
    """Where somebody may be half the way."""
    if isinstance(message, Stage):
        return (known[message.door],) if message.stage >= HALF else ()
    return known if isinstance(message, HeldBack) else ()  # nobody knows what was left out


def _log(log: Log, ip: str, door: Door, found: Judgement) -> None:
    if found.fate is Fate.REFUSED:
        log("refused", ip=ip, door=door.name, reason=found.reason)
        return
    log(_EVENTS[found.fate], ip=ip, door=door.name, key=found.key, seconds=found.seconds)
