"""A child that reads key files and sends back the sequences of some periods: it alone ever has a key.

The keeper forks the packet process, so what the keeper holds that holds too. The child leaves no core, ends
with its parent, and writes an answer of a bounded length.

World: a child process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from knockd.process.fork import Fork, collect_child, kill_child
from knockd.process.privileges import end_with, leave_no_core
from knockd.sequences.derived_keys import (
    MOST_BYTES,
    Answer,
    Question,
    derive_keys,
    parse_answers,
    write_answers,
)
from knockd.sequences.key_reader import read_key_file
from knockd_conf.key_file import KeyFile
from knockd_conf.trust import TrustPolicy

DEADLINE: Final = 10.0
"""Seconds in which a child has answered, or is killed: a file server may hang."""

_PIECE: Final = 65_536


class KeyChild:
    """A child on its way. ``fileno`` can be read when it has said something more, or has ended."""

    def __init__(self, fork: Fork, questions: Sequence[Question], policy: TrustPolicy, now: float) -> None:
        """Starts it. ``now``: seconds since the epoch. Raises OSError."""
        self.questions = questions
        self._data = bytearray()
        reader, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()

        def main() -> int:
            leave_no_core()
            end_with(parent)
            _write(writer, write_answers(list(_answer_all(questions, policy, now))))
            return os.EX_OK

        try:
            self.pid = fork(main, [writer])
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self._reader = reader

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._reader

    def read_some(self) -> bool:
        """Reads once; returns False when there is no more to come."""
        part = os.read(self._reader, _PIECE)
        self._data += part
        return bool(part) and len(self._data) <= MOST_BYTES * len(self.questions)

    def answers(self) -> tuple[Answer, ...]:
        """What it has answered, once everything is read. Raises ValueError: it has not."""
        if len(self._data) > MOST_BYTES * len(self.questions):
            raise ValueError("an answer that is too long")
        if not self._data:
            raise ValueError("no answer: the process that reads them ended early")
        return parse_answers(bytes(self._data), self.questions)

    def kill(self) -> None:
        """Ends it, if it runs, and closes the pipe; ``collect`` follows."""
        os.close(self._reader)
        kill_child(self.pid)  # until it is collected the number is its own

    def collect(self) -> bool:
        """Collects it if it has ended; returns whether it had."""
        return collect_child(self.pid)


def _answer_all(questions: Sequence[Question], policy: TrustPolicy, now: float) -> Iterator[Answer]:
    """The answers in the order of the questions; doors may have a file in common."""
    read: dict[str, tuple[KeyFile, float] | str] = {}
    for question in questions:
        if question.path not in read:
            read[question.path] = _read(question.path, policy)
        found = read[question.path]
        if isinstance(found, str):
            yield Answer(problem=found)
        else:
            file, changed = found
            yield derive_keys(question, file, now, end_of_day, changed)


def _read(path: str, policy: TrustPolicy) -> tuple[KeyFile, float] | str:
    """The keys of a file, and when it was changed last, or why there are none."""
    try:
        file = read_key_file(path, policy)
        return file, max(os.stat(path).st_ctime, os.lstat(path).st_ctime)
    except OSError as error:
        return error.strerror or str(error)


def end_of_day(day: str) -> float:
    """When a day (YYYY-MM-DD) of this host's calendar is over; never for one that no calendar has."""
    year, month, date = map(int, day.split("-"))
    try:
        return time.mktime((year, month, date + 1, 0, 0, 0, 0, 0, -1))
    except (OverflowError, ValueError):
        return float("inf")


def _write(writer: int, data: bytes) -> None:
    left = memoryview(data)
    with suppress(BrokenPipeError):  # the parent is gone
        while left:
            left = left[os.write(writer, left) :]
