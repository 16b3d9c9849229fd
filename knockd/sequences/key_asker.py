"""Has children read key files: one at a time, each within a deadline; one that fails is followed by another.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from knockd.log.logger import Log
from knockd.process.loop import Loop, Timer
from knockd.sequences.derived_keys import Answer, Question
from knockd.sequences.key_child import DEADLINE, KeyChild
from knockd.sequences.live_keys import KeyedDoor

RETRY: Final = (5.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a child is started again after one that failed, or after a file that could not be used."""

StartChild = Callable[[Sequence[Question], float], KeyChild]
"""Starts a child that answers questions, at seconds since the epoch. Raises OSError."""


class KeyAsker:
    """``take`` gets each answer with the time at which it was asked for, and ``done`` is called after all.

    ``failure``: why the last child has failed; empty: it has not.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        start: StartChild,
        take: Callable[[KeyedDoor, Answer, float], None],
        done: Callable[[], None],
    ) -> None:
        self.failure = ""
        self._loop, self._log, self._start = loop, log, start
        self._take, self._done = take, done
        self._child: KeyChild | None = None
        self._asked: tuple[Sequence[KeyedDoor], float] = (), 0.0
        self._deadline: Timer | None = None
        self._ended: list[KeyChild] = []
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

    def ask(self, doors: Sequence[KeyedDoor], now: float) -> None:
        """Has the files of these doors read, unless a child is on its way, or the last one has just failed.

        ``now``: seconds since the epoch.
        """
        if self._child is not None or self.pause or not doors:
            return
        self._asked = doors, now
        try:
            self._child = self._start([door.make_question(now) for door in doors], now)
        except OSError as error:
            self._fail(str(error.strerror or error))
            return
        self._deadline = self._loop.call_later(DEADLINE, self._end_late)
        self._loop.add_reader(self._child, self._read)

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

    def _read(self) -> None:
        child, (doors, asked) = self._child, self._asked
        if child is None or child.read_some():
            return
        self.stop()
        try:
            answers = child.answers()
        except ValueError as error:
            self._fail(str(error))
        else:
            self.failure = ""
            for door, answer in zip(doors, answers, strict=True):
                self._take(door, answer, asked)
            if any(answer.problem for answer in answers):
                self._back_off()
            else:
                self._failures = 0
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
