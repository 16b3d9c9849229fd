"""Children that do something for us and say through a pipe what came of it.

Each leaves no core, since it may read keys, and ends with its parent, since what it waits for may hang.

World: a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from knockd.process.fork import Fork, collect_child, kill_child
from knockd.process.privileges import end_with, leave_no_core

_PIECE: Final = 65_536

Write = Callable[[bytes], None]
"""Writes to the parent; what a parent that is gone does not read is lost."""


class PipeChild:
    """A child on its way. ``fileno`` can be read when it has said something more, or has ended."""

    def __init__(self, fork: Fork, work: Callable[[Write], int]) -> None:
        """Starts the child, whose exit status is what ``work`` returns. Raises OSError."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()

        def main() -> int:
            leave_no_core()
            end_with(parent)
            return work(partial(_write, writer))

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

    def close(self) -> None:
        """Reads no more."""
        os.close(self._reader)

    def kill(self) -> None:
        """Ends it, if it runs, and closes the pipe; ``collect`` follows."""
        self.close()
        kill_child(self.pid)  # until it is collected the number is its own

    def collect(self) -> bool:
        """Collects it if it has ended; returns whether it had."""
        return collect_child(self.pid)


class AnswerChild(PipeChild):
    """A child that gives one answer, of ``most`` bytes at most."""

    def __init__(self, fork: Fork, work: Callable[[], bytes], most: int) -> None:
        """Starts the child; ``work`` returns the answer. Raises OSError."""

        def answer(write: Write) -> int:
            write(work())
            return os.EX_OK

        super().__init__(fork, answer)
        self._most = most
        self._data = bytearray()

    def read_some(self) -> bool:
        """Reads once; returns False when there is no more to come."""
        part = os.read(self.fileno(), _PIECE)
        self._data += part
        return bool(part) and len(self._data) <= self._most

    def take_answer(self) -> bytes:
        """The answer, once everything is read. Raises ValueError: there is none."""
        if len(self._data) > self._most:
            raise ValueError("an answer that is too long")
        if not self._data:
            raise ValueError("no answer: the process that reads them ended early")
        return bytes(self._data)


def _write(writer: int, data: bytes) -> None:
    left = memoryview(data)
    with suppress(BrokenPipeError):  # the parent is gone
        while left:
            left = left[os.write(writer, left) :]
