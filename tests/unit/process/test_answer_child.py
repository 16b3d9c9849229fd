"""Children that give one answer: what is read of them, and how they end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from knockd.process.answer_child import AnswerChild
from knockd.process.fork import fork_child
from tests.support.lab.waiting import wait_until


@contextmanager
def child(work: Callable[[], bytes], most: int = 1_000_000) -> Iterator[AnswerChild]:
    """A child, which is gone at the end."""
    made = AnswerChild(fork_child, work, most)
    try:
        yield made
    finally:
        made.kill()
        wait_until(made.collect, 10, "the child has ended")


def read(made: AnswerChild) -> bytes:
    """Its answer, when all has come."""
    while made.read_some():
        pass
    return made.take_answer()


@pytest.mark.parametrize("size", [1, 65_536, 1_000_000])
def test_answer(size: int) -> None:
    """It comes whole, however often the pipe is full."""
    with child(lambda: b"x" * size) as made:
        assert read(made) == b"x" * size


def test_child_that_is_killed() -> None:
    """There is no answer, and that is said."""

    def hang() -> bytes:
        time.sleep(60)
        return b"late"

    with child(hang) as made:
        os.kill(made.pid, signal.SIGKILL)
        with pytest.raises(ValueError, match="the process that reads them ended early"):
            read(made)


def test_child_that_says_too_much() -> None:
    """No more is read than an answer can have."""
    with child(lambda: b"x" * 1_000_001) as made, pytest.raises(ValueError, match="too long"):
        read(made)


def test_descriptor() -> None:
    """It can be read as soon as something has come."""
    with child(lambda: b"x") as made:
        assert select.select([made], [], [], 10)[0] == [made]
