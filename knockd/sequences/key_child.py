"""A child that reads key files and sends back the sequences of some periods: it alone ever has a key.

The keeper forks the packet process, so what the keeper holds that holds too.

World: a child process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

from knockd.process.answer_child import AnswerChild
from knockd.process.fork import Fork
from knockd.sequences.derived_keys import MOST_BYTES, Answer, Question, derive_keys, write_answers
from knockd.sequences.key_reader import read_key_file
from knockd_conf.key_file import KeyFile
from knockd_conf.trust import TrustPolicy

StartChild = Callable[[Sequence[Question], float], AnswerChild]
"""Starts a child that answers questions, at seconds since the epoch. Raises OSError."""


def start_key_child(
    fork: Fork, questions: Sequence[Question], policy: TrustPolicy, now: float
) -> AnswerChild:
    """Starts it. ``now``: seconds since the epoch. Raises OSError."""

    def work() -> bytes:
        return write_answers(list(_answer_all(questions, policy, now)))

    return AnswerChild(fork, work, MOST_BYTES * len(questions))


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
