"""The watches of a configuration as time goes on: doors with a key have others in each period.

A knock with a key is judged as the daemon does it, by the time of its last packet: a sequence opens once, and
none before it after that. A clock that has been set back keeps these doors waiting.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from knockd.knocks.guards import Guards, guard_rules, with_guards
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch, watches_of
from knockd.sequences.live_periods import Fate, find_burnt, find_end, judge_knock
from knockd.sequences.rotating_watches import KeySequences, make_watches
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door, GuardPorts, Step

SET_BACK: Final = 1_000_000
"""Microseconds by which a clock may be earlier than it was; doors with a key wait when it is earlier."""

_MOST_KEYS: Final = 1 << 24
"""More than all doors together have keys."""

Ask = Callable[[float], Sequence[KeySequences]]
"""The sequences around a time, in seconds since the epoch."""


class Base(NamedTuple):
    """What the watches are made of beside keys: a watch, its guards and Guard_Ports for each door."""

    plain: tuple[Watch, ...]
    guards: tuple[Guards, ...]
    rules: tuple[GuardPorts, ...]
    taken: Taken

    @property
    def watches(self) -> tuple[Watch, ...]:
        """The watches as long as no key is known."""
        return with_guards(self.plain, self.guards)


def make_base(
    config: Config, live: Sequence[tuple[Step, ...]], guards: Sequence[Guards], taken: Taken
) -> Base:
    """What is true of a configuration whose doors have these steps and guards now."""
    rules = guard_rules(config.doors, config.options.guard_ports)
    return Base(watches_of(config.doors, live), tuple(guards), rules, taken)


class Heard(NamedTuple):
    """What becomes of a whole knock with a key, and why; ``key`` is its name."""

    fate: Fate
    key: str
    why: str


class RotatingWatches:
    """``watches`` are those of the time that was moved to last, ``sequences`` what they are made of.

    Stamps are in microseconds since the epoch. ``doors`` are those of ``base``, in the same order.
    """

    def __init__(self, base: Base, doors: Sequence[Door], ask: Ask) -> None:
        self.watches = base.watches
        self._base = base
        self._lengths = sorted({door.sequence_period for door in doors if door.sequence_key is not None})
        self._ask = ask
        self._from = self._until = 0
        self.newest = 0
        """The latest stamp."""
        self.sequences: Sequence[KeySequences] = ()
        self._keys: dict[tuple[int, str], int] = {}
        """A number for the door and name of each key."""
        self._used_until: dict[tuple[int, str], float] = {}

    def move_to(self, stamp: int) -> bool:
        """Whether other watches are in effect at a stamp than at the last one."""
        if not self._lengths or self._from <= stamp < self._until:
            self.newest = max(self.newest, stamp)
            return False
        if stamp < self.newest - SET_BACK:
            self._from, self._until, self.sequences = 0, self.newest - SET_BACK, ()
        else:
            periods = [(stamp // (length * 1_000_000), length * 1_000_000) for length in self._lengths]
            self._from = max(number * length for number, length in periods)
            self._until = min((number + 1) * length for number, length in periods)
            self.sequences = self._ask(stamp / 1e6)
            self.newest = max(self.newest, stamp)
        return self._make()

    def find_current(self, door: int) -> Watch | None:
        """The watch of a door, of the period that is now for its first key; None: it has no sequence."""
        serials = {self._serial_of(door, one.key, one.now) for one in self.sequences if one.door == door}
        if not serials:
            return self.watches[door] if self.watches[door].steps else None
        return next(watch for watch in self.watches if watch.door == door and watch.serial in serials)

    def judge(self, door: int, serial: int, stamp: int) -> Heard:
        """What becomes of a whole knock whose last packet came at a stamp; one that opens is used then,
        and so is one whose time has not come.

        ``move_to`` has been called with the stamp.
        """
        heard = self.explain(door, serial, stamp)
        if heard.fate in {Fate.GRANTED, Fate.AHEAD}:
            period = serial // _MOST_KEYS
            self._used_until[door, heard.key] = find_end(period, self._length(door, heard.key))
            self._make()
        return heard

    def explain(self, door: int, serial: int, stamp: int) -> Heard:
        """What would become of such a knock; nothing is used."""
        period, number = divmod(serial, _MOST_KEYS)
        key = next(key for (_, key), known in self._keys.items() if known == number)
        used = self._used_until.get((door, key), 0.0)
        fate, seconds = judge_knock(period, stamp / 1e6, self._length(door, key), used)
        return Heard(fate, key, _explain(fate, seconds))

    def _length(self, door: int, key: str) -> int:
        return next(one.length for one in self.sequences if (one.door, one.key) == (door, key))

    def _make(self) -> bool:
        before = self.watches
        keyed = [
            one._replace(burnt=find_burnt(self._used_until[one.door, one.key], one.length))
            if (one.door, one.key) in self._used_until
            else one
            for one in self.sequences
        ]
        base = self._base
        self.watches = make_watches(base.plain, base.rules, base.taken, keyed, self._serial_of)
        return self.watches != before

    def _serial_of(self, door: int, key: str, period: int) -> int:
        """Of two sequences of a key the later one has the larger serial."""
        return period * _MOST_KEYS + self._keys.setdefault((door, key), len(self._keys))


def _explain(fate: Fate, seconds: float) -> str:
    """As the log has it."""
    match fate:
        case Fate.BEHIND:
            return f"clock of the knocker is {seconds:.0f} s behind"
        case Fate.AHEAD:
            return f"clock of the knocker is {seconds:.0f} s ahead"
        case Fate.USED:
            return f"sequence used already, the next sequence in {seconds:.0f} s"
        case _:
            return ""
