"""Which ports can be no automatic guards, looked at again while packets come to the doors.

A server that was started after us, or a port that is forwarded since, is no trap for its users. Sockets are
looked at once a second after a few looks at once, and forwarded ports every ten seconds, by a child; more
rarely where that takes long.
Nothing runs while nobody comes.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from knockd.keeper.config_process import ConfigProcess, Send
from knockd.knocks.taken import Taken
from knockd.log.logger import Log
from knockd.net.forwarded_ports import Forwarded, has_programs, read_forwarded_ports
from knockd.net.ports_in_use import ports_in_use
from knockd.process.fork import fork_child
from knockd.process.loop import Loop, Timer
from knockd.token_bucket import TokenBucket
from knockd_conf.model import Step

LOOKS, RATE = 5, 1.0
"""Looks at sockets at once, and a second: one takes 0.1 ms."""

PAUSE_FORWARDED, PAUSE_SHARE = 10.0, 50
"""Seconds between two looks at forwarded ports, at least, and how many times what the last one took."""


def start_reading_forwarded() -> ConfigProcess | None:
    """Starts a child that sends a Forwarded; None, when there is no program to ask. Raises OSError."""

    def work(send: Send) -> int:
        send(read_forwarded_ports())
        return 0

    return ConfigProcess(fork_child, work) if has_programs() else None


class TakenPorts:
    """``now`` are the ports; ``changed`` is called when a look has found others."""

    def __init__(
        self,
        loop: Loop,
        log: Log,
        taken: Taken,
        *,
        look: Callable[[], frozenset[Step]] = ports_in_use,
        start: Callable[[], ConfigProcess | None] = start_reading_forwarded,
    ) -> None:
        self.now = taken
        self.changed: Callable[[], None] = lambda: None
        self._loop = loop
        self._log = log
        self._look, self._start = look, start
        self._looks = TokenBucket(LOOKS, RATE)
        self._asked = loop.time() - PAUSE_FORWARDED
        self._pause = PAUSE_FORWARDED
        self._timer: Timer | None = None
        self._child: ConfigProcess | None = None
        self._ended: list[ConfigProcess] = []
        self._reasons: tuple[str, ...] = ()

    def adopt(self, taken: Taken) -> None:
        """Takes what a configuration's child has found."""
        self.now = taken
        self.look()

    def look(self) -> None:
        """Looks at the sockets now; ``changed`` is not called."""
        with suppress(OSError):  # no descriptor to be had: what was in use before counts
            self.now = self.now.with_sockets(self._look())

    def touched(self, *, guard: bool) -> None:
        """A packet concerned a door, by one of its guards or not: looks now, or a second later."""
        if self._timer is None:
            self._look_again()
        if guard:
            self._ask()

    def stop(self) -> None:
        """Looks at nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._end_child()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._ended = [child for child in self._ended if not child.collect()]

    def _look_again(self) -> None:
        self._timer = None
        self._looks.refill(self._loop.time())
        if not self._looks.take():
            self._timer = self._loop.call_later(1 / RATE, self._look_again)
            return
        before = self.now
        self.look()
        if self.now != before:
            self.changed()

    def _ask(self) -> None:
        """Asks for forwarded ports, unless that has just been done."""
        now = self._loop.time()
        if self._child is not None or now < self._asked + self._pause:
            return
        self._asked = now
        with suppress(OSError):  # neither process nor descriptor to be had: the next touch tries again
            self._child = self._start()
        if self._child is not None:
            self._loop.add_reader(self._child, self._read, self._child)

    def _read(self, child: ConfigProcess) -> None:
        if child.read_some():
            return
        self._pause = max(PAUSE_FORWARDED, PAUSE_SHARE * (self._loop.time() - self._asked))
        found: Forwarded | None = child.value()
        self._end_child()
        if found is None:
            return
        if found.notes not in {(), self._reasons}:
            self._log("guards-unsure", reason="; ".join(found.notes))
        self._reasons = found.notes
        if found.ranges != self.now.forwarded and (found.ranges or not found.notes):
            self.now = self.now._replace(forwarded=found.ranges)
            self.changed()

    def _end_child(self) -> None:
        if self._child is not None:
            self._loop.remove_reader(self._child)
            self._child.kill()
            self._ended.append(self._child)
            self._child = None
            self.reap()
