"""A child that answers questions, a line each, as often as it is asked and until nobody can ask any more.

It leaves no core, since it may have keys, and ends with its parent.

World: a child process.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final, cast

from knockd.process.fork import Fork
from knockd.process.privileges import end_with, leave_no_core

MOST_ASKED: Final = 200
"""Bytes of the longest question, with the end of its line."""

AnswerLine = Callable[[bytes], bytes]
"""The answer to a question, both without the end of the line."""


class AskedChild:
    """``begin`` runs in the child, before the first question, and returns what answers."""

    def __init__(self, fork: Fork, begin: Callable[[], AnswerLine]) -> None:
        """Starts it. Raises OSError."""
        ours, theirs = socket.socketpair()
        parent = os.getpid()

        def main() -> int:
            leave_no_core()
            end_with(parent)
            with theirs, theirs.makefile("rwb") as stream:
                _answer_all(cast("IO[bytes]", stream), begin())
            return os.EX_OK

        with theirs:
            try:
                self.pid = fork(main, [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        self._stream = ours.makefile("rwb")
        ours.close()  # what was made of it keeps it open

    def ask(self, question: bytes, most: int) -> bytes:
        """The answer to a line. Raises OSError when the child has ended, or says more than so many bytes."""
        self._stream.write(question + b"\n")
        self._stream.flush()
        line = self._stream.readline(most + 1)
        if not line.endswith(b"\n"):
            raise BrokenPipeError(errno.EPIPE, "no whole answer")
        return line[:-1]

    def close(self) -> None:
        """Ends it."""
        with suppress(OSError):  # it has ended by itself
            self._stream.close()
        os.waitpid(self.pid, 0)


def _answer_all(stream: IO[bytes], answer: AnswerLine) -> None:
    while line := stream.readline(MOST_ASKED):
        stream.write(answer(line.removesuffix(b"\n")) + b"\n")
        stream.flush()
