"""What a child is asked that derives sequences, and what it answers: steps and guards, never a key.

The answer is JSON. ``parse_answer`` takes what ``write_answer`` can write for the same questions, and nothing
else.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import inf, isnan
from typing import Any, Final

from knockd_conf.classes import NamedTuple
from knockd_conf.key_file import MAX_KEYS, KeyFile, parse_name
from knockd_conf.protocol import Protocol
from knockd_conf.timed import GUARDS, Port, Ports, Rule, derive_ports

MOST_BYTES: Final = 131_072
"""Of the answer to one question: 32 keys with the longest names and sequences take half of it."""

MOST_TEXT: Final = 2_000
"""Characters of what is wrong with a file."""


class Question(NamedTuple):
    """A door whose sequences of some periods are wanted. ``first`` to ``last`` are numbers of periods."""

    path: str
    door: str
    rule: Rule
    first: int
    last: int

    @property
    def periods(self) -> range:
        """Their numbers."""
        return range(self.first, self.last + 1)


class DerivedKey(NamedTuple):
    """The sequences of a key by the number of their period. ``until``: when it expires; None: never.

    Seconds since the epoch; one that has expired has no sequences.
    """

    name: str
    until: float | None
    ports: Mapping[int, Ports]


class Answer(NamedTuple):
    """The keys of a door, or what is wrong with their file.

    ``changed``: when the file was changed last, in seconds since the epoch; it may be just now.
    """

    keys: tuple[DerivedKey, ...] = ()
    problem: str = ""
    changed: float = inf


def derive_keys(
    question: Question, file: KeyFile, now: float, end_of: Callable[[str], float], changed: float = inf
) -> Answer:
    """What a key file, last ``changed`` then, means for a door at ``now``.

    ``end_of``: when a day (YYYY-MM-DD) is over, by this host's clock.
    """
    if file.problems:
        return Answer(problem="; ".join(file.problems)[:MOST_TEXT])
    keys = []
    for key in file.keys:
        until = end_of(key.expires) if key.expires else None
        periods = question.periods if until is None or now < until else ()
        ports = {one: derive_ports(key.key, question.door, one, question.rule) for one in periods}
        keys.append(DerivedKey(key.name, until, ports))
    return Answer(tuple(keys), changed=changed)


def write_answers(answers: Sequence[Answer]) -> bytes:
    """The answers as they go through a pipe."""
    return json.dumps([_pack(one) for one in answers], separators=(",", ":")).encode()


def parse_answers(data: bytes, questions: Sequence[Question]) -> tuple[Answer, ...]:
    """The answers to these questions. Raises ValueError, which shows nothing of the data."""
    try:
        found = json.loads(data)
        if not isinstance(found, list) or len(found) != len(questions):
            raise ValueError("another number of answers")
        return tuple(_answer(*one) for one in zip(found, questions, strict=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"an answer that is none ({type(error).__name__})") from None


def _pack(answer: Answer) -> Any:
    if answer.problem:
        return answer.problem
    keys = [
        [key.name, key.until, [[_number(port) for port in (*one.steps, *one.guards)] for one in _rows(key)]]
        for key in answer.keys
    ]
    return [answer.changed, keys]


def _rows(key: DerivedKey) -> list[Ports]:
    return [key.ports[period] for period in sorted(key.ports)]


def _answer(found: Any, question: Question) -> Answer:
    if isinstance(found, str) and 0 < len(found) <= MOST_TEXT:
        return Answer(problem=found)
    changed, rows = found
    if not _is_time(changed) or not isinstance(rows, list) or not 0 < len(rows) <= MAX_KEYS:
        raise ValueError("no list of keys")
    keys = tuple(_key(one, question) for one in rows)
    if len({key.name for key in keys}) != len(keys):
        raise ValueError("a name twice")
    return Answer(keys, changed=changed)


def _key(found: Any, question: Question) -> DerivedKey:
    name, until, rows = found
    if not isinstance(name, str) or not (until is None or _is_time(until)):
        raise ValueError("no key")
    if rows and len(rows) != len(question.periods):
        raise ValueError("another number of periods")
    ports = {
        period: _ports(row, question.rule) for period, row in zip(question.periods, rows, strict=bool(rows))
    }
    return DerivedKey(parse_name(name), until, ports)


def _is_time(found: Any) -> bool:
    return isinstance(found, float) and not isnan(found)


def _ports(row: Any, rule: Rule) -> Ports:
    if not isinstance(row, list) or len(row) != rule.steps + GUARDS or len(set(row)) != len(row):
        raise ValueError("another number of ports")
    ports = [_port(number, rule) for number in row]
    return Ports(tuple(ports[: rule.steps]), tuple(ports[rule.steps :]))


def _number(port: Port) -> int:
    return port.port << 1 | (port.protocol is Protocol.UDP)


def _port(number: Any, rule: Rule) -> Port:
    if type(number) is not int or not rule.low <= number >> 1 <= rule.high:
        raise ValueError("no port")
    protocol = Protocol.UDP if number & 1 else Protocol.TCP
    if rule.protocol not in (str(protocol), "mixed"):
        raise ValueError("another protocol")
    return Port(number >> 1, protocol)
