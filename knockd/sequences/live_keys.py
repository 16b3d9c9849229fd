"""The sequences that are at hand of a door with a key, and the serials by which packet processes name them.

Times are in seconds since the epoch.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final

from knockd.sequences.derived_keys import Answer, DerivedKey, Question
from knockd.sequences.live_periods import find_burnt, find_derived, find_period
from knockd.sequences.rotating_watches import LIVE, RECOGNISED, KeySequences
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door
from knockd_conf.rotating import rule_of

Identity = tuple[str, int]
"""Name and occurrence of a door."""


class LiveSequence(NamedTuple):
    """What a serial stands for."""

    door: Identity
    key: str
    period: int


class Serials:
    """Numbers of sequences; none is given twice, whatever becomes of doors and keys."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._by_sequence: dict[LiveSequence, int] = {}
        self._by_serial: dict[int, LiveSequence] = {}

    def number(self, sequence: LiveSequence) -> int:
        """The serial of a sequence."""
        serial = self._by_sequence.get(sequence)
        if serial is None:
            serial = self._by_sequence[sequence] = next(self._numbers)
            self._by_serial[serial] = sequence
        return serial

    def find(self, serial: int) -> LiveSequence | None:
        """What a serial stands for; None: nothing that may still come."""
        return self._by_serial.get(serial)

    def forget(self, which: Callable[[LiveSequence], bool]) -> None:
        """Forgets the sequences of which ``which`` is true."""
        for sequence in [one for one in self._by_sequence if which(one)]:
            del self._by_serial[self._by_sequence.pop(sequence)]

    def forget_key(self, door: Identity, key: str) -> None:
        """Forgets all sequences of a key at a door."""
        self.forget(lambda one: (one.door, one.key) == (door, key))


class KeyedDoor:
    """A door with a key. ``problem``: what is wrong with the file; ``has_answer``: it has been read."""

    def __init__(self, door: Door) -> None:
        assert door.sequence_key is not None
        self.path = door.sequence_key
        self.identity: Identity = (door.name, door.occurrence)
        self.rule = rule_of(door)
        self.problem = ""
        self.has_answer = False
        self._keys: dict[str, DerivedKey] = {}
        self._asked: int | None = None
        """The period at which the file was read last."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys that have not expired."""
        return tuple(key.name for key in self._keys.values() if key.ports)

    def is_same(self, other: KeyedDoor) -> bool:
        """Whether the sequences of another one are the same."""
        return (self.identity, self.path, self.rule) == (other.identity, other.path, other.rule)

    def is_due(self, now: float) -> bool:
        """Whether the file has not been read in this period, or could not be used."""
        return bool(self.problem) or self._asked != find_period(now, self.rule.period)

    def ask_again(self) -> None:
        """The file is to be read, whenever that was done last."""
        self._asked = None

    def make_question(self, now: float) -> Question:
        """What a child is to be asked."""
        periods = find_derived(now, self.rule.period)
        return Question(self.path, self.identity[0], self.rule, periods[0], periods[-1])

    def take(self, answer: Answer, asked: float) -> frozenset[str]:
        """Takes what the file holds; ``asked``: when. Returns the names whose keys are new here.

        A file that cannot be used leaves no key.
        """
        before, self._keys = self._keys, {key.name: key for key in answer.keys}
        self.problem, self.has_answer = answer.problem, True
        self._asked = find_period(asked, self.rule.period)
        return frozenset(name for name, key in self._keys.items() if not _is_same_key(before.get(name), key))

    def find_expired(self) -> frozenset[str]:
        """The names whose last day is over."""
        return frozenset(key.name for key in self._keys.values() if not key.ports)

    def has_expired(self, name: str, now: float) -> bool:
        """Whether a key opens nothing any more: its last day is over, or it is struck out."""
        key = self._keys.get(name)
        return key is None or not key.ports or (key.until is not None and now >= key.until)

    def list_sequences(
        self, number: int, now: float, used_until: Callable[[str], float]
    ) -> Iterator[KeySequences]:
        """What the keys mean now; ``number``: of the door, ``used_until`` of a key by its name."""
        length = self.rule.period
        period = find_period(now, length)
        for key in self._keys.values():
            if self.has_expired(key.name, now):
                continue
            ports = {one: made for one, made in key.ports.items() if abs(one - period) <= RECOGNISED}
            burnt = find_burnt(used_until(key.name), length)
            known = burnt if burnt >= period - LIVE else None
            yield KeySequences(number, key.name, length, period, ports, known)


MOST_KEYS: Final = 2_048
"""Keys of all doors together that are watched: in each period all their sequences are derived and sent on."""

CROWDED: Final = f"it and the doors before it have more than {MOST_KEYS} keys together: take some out"


def find_crowded(keys: Mapping[Identity, int], most: int = MOST_KEYS) -> frozenset[Identity]:
    """The doors that are not watched, by how many keys each has: those before them take up the room."""
    crowded = set()
    for identity, number in keys.items():
        if number > most:
            crowded.add(identity)
        else:
            most -= number
    return frozenset(crowded)


def _is_same_key(before: DerivedKey | None, now: DerivedKey) -> bool:
    """Whether it is certain that a name has the key that it had."""
    if before is None:
        return False
    common = before.ports.keys() & now.ports.keys()
    return bool(common) and all(before.ports[period] == now.ports[period] for period in common)
