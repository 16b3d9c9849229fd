"""Has children answer: one at a time, each within a deadline; one that fails is followed by another.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from knockd.log.logger import Log
from knockd.process.answer_child import AnswerChild
from knockd.process.loop import Loop, Timer

DEADLINE: Final = 10.0
"""Seconds in which a child has answered, or is killed: a file server may hang."""

RETRY: Final = (5.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a child is started again after one that failed, or after a file that could not be used."""

Take = Callable[[bytes], bool]
"""Takes an answer; returns whether every file could be used. Raises ValueError: it is no answer."""


class ChildAsker:
    """``done`` is called after each child, whether it has answered or not.

    ``failure``: why the last child has failed; empty: it has not.
    """

    def __init__(self, loop: Loop, log: Log, done: Callable[[], None]) -> None:
        self.failure = ""
        self._loop, self._log, self._done = loop, log, done
        self._child: AnswerChild | None = None
        self._deadline: Timer | None = None
        self._ended: list[AnswerChild] = []
        self._failures = 0
        self._retry_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a child is on its way."""
        return self._child is not None

    @property
    def pause(self) -> float:
        """Seconds until the next child may be started."""
        return max(0.0, self._retry_at - self._loop.time())

    def ask(self, start: Callable[[], AnswerChild], take: Take) -> None:
        """Starts a child, unless one is on its way, or the last one has just failed.

        ``start`` may raise OSError.
        """
        if self._child is not None or self.pause:
            return
        try:
            self._child = start()
        except OSError as error:
            self._fail(str(error.strerror or error))
            return
        self._deadline = self._loop.call_later(DEADLINE, self._end_late)
        self._loop.add_reader(self._child, self._read, take)

    def forgive(self) -> None:
        """What was asked for is of no use any more, and what failed may work now."""
        self.stop()
        self._failures, self._retry_at = 0, 0.0

    def stop(self) -> None:
        """Ends the child that is on its way, if there is one."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._child is not None:
            self._loop.remove_reader(self._child)
            self._child.kill()
            self._ended.append(self._child)
            self._child = None
            self.reap()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._ended = [child for child in self._ended if not child.collect()]

    def _read(self, take: Take) -> None:
        child = self._child
        if child is None or child.read_some():
            return
        self.stop()
        try:
            good = take(child.take_answer())
        except ValueError as error:
            self._fail(str(error))
        else:
            self.failure = ""
            if good:
                self._failures = 0
            else:
                self._back_off()
        self._done()

    def _end_late(self) -> None:
        self._deadline = None
        self.stop()
        self._fail(f"no answer within {DEADLINE:.0f} s")
        self._done()

    def _fail(self, reason: str) -> None:
        if reason != self.failure:
            self._log("keys-problem", reason=reason)
        self.failure = reason
        self._back_off()

    def _back_off(self) -> None:
        self._retry_at = self._loop.time() + RETRY[min(self._failures, len(RETRY) - 1)]
        self._failures += 1
