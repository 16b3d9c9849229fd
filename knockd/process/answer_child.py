"""Children that give one answer through a pipe.

World: a child process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from knockd.process.fork import Fork
from knockd.process.pipe_child import PipeChild, Write

_PIECE: Final = 65_536


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
