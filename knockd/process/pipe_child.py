"""Children that do something for us and say through a pipe what came of it.

Each leaves no core, since it may read keys, and ends with its parent, since what it waits for may hang.

World: a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from knockd.process.fork import Fork, collect_child, kill_child
from knockd.process.privileges import end_with, leave_no_core

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


def _write(writer: int, data: bytes) -> None:
    left = memoryview(data)
    with suppress(BrokenPipeError):  # the parent is gone
        while left:
            left = left[os.write(writer, left) :]
