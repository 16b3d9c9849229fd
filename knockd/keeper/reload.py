"""HUP: a child reads the configuration, so that nothing waits for a name of a Target.

Leases are closed and commands run meanwhile. A HUP that comes while a child reads is
remembered: what was changed after the files were opened is read once more.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.keeper.config_process import ConfigProcess, Outcome, unread
from knockd.process.loop import Loop, Timer

PATIENCE = 60.0
"""Seconds to read a configuration: a resolver that says nothing gives up earlier."""


class Reload:
    """Reads the configuration when asked, with one child at a time.

    ``start`` starts the child that reads the file ``path``; ``begin`` is called before each time, ``judge``
    says what becomes of what was read, and ``finish`` is called with each outcome.
    """

    def __init__(
        self,
        loop: Loop,
        start: Callable[[], ConfigProcess],
        path: str,
        *,
        begin: Callable[[], None],
        judge: Callable[[Outcome], Outcome],
        finish: Callable[[Outcome], None],
    ) -> None:
        self._loop = loop
        self._start = start
        self._path = path
        self._begin = begin
        self._judge = judge
        self._finish = finish
        self._child: ConfigProcess | None = None
        self._timer: Timer | None = None
        self._again = False
        self._asked: list[Callable[[Outcome], None]] = []
        """Who has asked for what is being read."""
        self._asked_again: list[Callable[[Outcome], None]] = []
        """Who has asked since: what is being read may be older than what they mean."""
        self._ended: list[ConfigProcess] = []

    @property
    def is_reading(self) -> bool:
        """Whether a child reads a configuration, or one has to be read again."""
        return self._child is not None or self._again

    def request_reload(self, answer: Callable[[Outcome], None] | None = None) -> None:
        """Reads the configuration now, or once more after the one that is being read.

        ``answer`` is called with the outcome, just before it takes effect.
        """
        answers = [] if answer is None else [answer]
        if self._child is not None:
            self._again = True
            self._asked_again += answers
            return
        self._asked += answers
        self._begin()
        try:
            self._child = child = self._start()
        except OSError as error:  # neither process nor descriptor to be had
            self._answer([unread(self._path, str(error.strerror))])
            return
        self._loop.add_reader(child, self._read, child)
        self._timer = self._loop.call_later(PATIENCE, self._give_up)

    def stop(self) -> None:
        """Ends the child; what it reads has no effect any more."""
        self._end_child()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._ended = [child for child in self._ended if not child.collect()]

    def _read(self, child: ConfigProcess) -> None:
        if not child.read_some():
            self._end(child.outcome(self._path))

    def _give_up(self) -> None:
        self._end([unread(self._path, f"it took more than {PATIENCE:.0f} seconds")])

    def _end(self, outcome: Outcome) -> None:
        self._end_child()
        self._answer(outcome)
        if self._again:
            self._again = False
            self._asked, self._asked_again = self._asked_again, []
            self.request_reload()

    def _answer(self, outcome: Outcome) -> None:
        outcome = self._judge(outcome)
        asked, self._asked = self._asked, []
        for answer in asked:
            answer(outcome)
        self._finish(outcome)

    def _end_child(self) -> None:
        """Lets the child go, which has ended or must."""
        if self._child is None or self._timer is None:
            return
        self._timer.cancel()
        self._loop.remove_reader(self._child)
        self._child.kill()
        self._ended.append(self._child)
        self._child = None
        self.reap()
