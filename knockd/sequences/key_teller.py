"""A child that has the keys of all doors and derives sequences for any time, as long as it is asked.

It is for what prints and ends: ``--dry-run --show-secrets``, ``--replay``, ``--explain`` and the doctor. They
parse what strangers have sent, so they hold no key, and know the sequences of those times only that they come
to. The daemon asks a new child each time (key_child).

World: a child process.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence

from knockd.process.asked_child import AnswerLine, AskedChild
from knockd.process.fork import Fork
from knockd.sequences.derived_keys import (
    MOST_BYTES,
    Answer,
    Question,
    derive_keys,
    parse_answers,
    write_answers,
)
from knockd.sequences.key_child import end_of_day
from knockd.sequences.key_reader import read_key_file
from knockd.sequences.live_periods import find_recognised
from knockd.sequences.rotating_watches import KeySequences
from knockd_conf.classes import NamedTuple
from knockd_conf.key_file import KeyFile
from knockd_conf.model import Door
from knockd_conf.rotating import rule_of
from knockd_conf.trust import TrustPolicy


class Told(NamedTuple):
    """The sequences around a time, of all doors, and by the number of a door why it has none."""

    sequences: tuple[KeySequences, ...] = ()
    problems: Mapping[int, str] = {}


class KeyTeller:
    """The child of a list of doors; those without a Sequence_Key are passed over."""

    def __init__(self, fork: Fork, doors: Sequence[Door], policy: TrustPolicy) -> None:
        """Starts it; it reads the key files once. Raises OSError."""
        self._doors = [(number, door) for number, door in enumerate(doors) if door.sequence_key is not None]
        asked = [door for _, door in self._doors]
        self._child = AskedChild(fork, lambda: _begin(asked, policy)) if asked else None

    @property
    def pid(self) -> int:
        """The child's number; 0: there is none."""
        return 0 if self._child is None else self._child.pid

    def ask(self, now: float) -> Told:
        """What it derives for a time, in seconds since the epoch. Raises OSError when it has ended."""
        if self._child is None:
            return Told()
        questions = _questions([door for _, door in self._doors], now)
        try:
            line = self._child.ask(json.dumps(now).encode(), MOST_BYTES * len(questions))
            answers = parse_answers(line, questions)
        except (OSError, ValueError) as error:
            raise OSError(errno.EPIPE, f"the process that reads keys gave no answer ({error})") from None
        problems: dict[int, str] = {}
        sequences: list[KeySequences] = []
        for (number, door), answer in zip(self._doors, answers, strict=True):
            found = list_sequences(number, door, answer, now)
            sequences += found
            if not found:
                problems[number] = answer.problem or "every key in it has expired"
        return Told(tuple(sequences), problems)

    def close(self) -> None:
        """Ends it."""
        if self._child is not None:
            self._child.close()
            self._child = None


def list_sequences(number: int, door: Door, answer: Answer, now: float) -> list[KeySequences]:
    """The sequences of a door, at its number, of the keys that have not expired."""
    length = door.sequence_period
    return [
        KeySequences(number, key.name, length, int(now // length), key.ports)
        for key in answer.keys
        if key.ports and (key.until is None or now < key.until)
    ]


def _questions(doors: Sequence[Door], now: float) -> list[Question]:
    made = []
    for door in doors:
        at = find_recognised(now, door.sequence_period)
        made.append(Question(str(door.sequence_key), door.name, rule_of(door), at[0], at[-1]))
    return made


def _begin(doors: Sequence[Door], policy: TrustPolicy) -> AnswerLine:
    """Reads the files; what is asked from then on is a time."""
    files = {path: _read(path, policy) for path in dict.fromkeys(str(door.sequence_key) for door in doors)}

    def answer(line: bytes) -> bytes:
        now = float(json.loads(line))
        questions = _questions(doors, now)
        return write_answers([_answer(question, files[question.path], now) for question in questions])

    return answer


def _answer(question: Question, file: KeyFile | str, now: float) -> Answer:
    return Answer(problem=file) if isinstance(file, str) else derive_keys(question, file, now, end_of_day)


def _read(path: str, policy: TrustPolicy) -> KeyFile | str:
    try:
        return read_key_file(path, policy)
    except OSError as error:
        return error.strerror or str(error)
