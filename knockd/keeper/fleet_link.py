"""The fleet child as the keeper holds it: started, started again after it has ended, heard and written to.

World: the fleet child.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from knockd.fleet import verbs
from knockd.fleet.child import FleetChild
from knockd.fleet.verbs import MAX_MESSAGE, MalformedError
from knockd.log.logger import Log
from knockd.process.fork import collect_child, kill_child
from knockd.process.loop import Loop, Timer
from knockd_conf.classes import NamedTuple

RETRY: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until another child is started, after each that has ended."""

STEADY: Final = 120.0
"""Seconds after which a child has run well."""

MOST_UNSENT: Final = 100_000
"""Messages that wait for the child; with more it is ended."""

MOST_AT_ONCE: Final = 32
"""Messages read in one go."""


class FleetHooks(NamedTuple):
    """What is called: to start a child (raises OSError), when one has begun, for what it says, and when there
    is none any more, with the reason.
    """

    start: Callable[[], FleetChild]
    begun: Callable[[], None]
    hear: Callable[[verbs.Report], None]
    gone: Callable[[str], None]


class FleetLink:
    """One child at most, as long as it is wanted."""

    def __init__(self, loop: Loop, log: Log, hooks: FleetHooks) -> None:
        self._loop, self._log, self._hooks = loop, log, hooks
        self._child: FleetChild | None = None
        self._began = 0.0
        self._failures = 0
        self._retry: Timer | None = None
        self._ended: set[int] = set()
        self._unsent: deque[bytes] = deque()
        self.problem = ""
        """What is wrong with the store: why a child has ended that does not say so."""

    @property
    def runs(self) -> bool:
        """Whether there is a child."""
        return self._child is not None

    def begin(self) -> None:
        """Starts a child that has not failed yet."""
        self._failures = 0
        self._begin()

    def end(self, reason: str) -> None:
        """Ends it, if it runs."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        child, self._child = self._child, None
        if child is not None:
            if self._loop.time() - self._began > STEADY:
                self._failures = 0
            self._loop.remove_reader(child.link)
            self._loop.remove_writer(child.link)
            child.link.close()  # it leaves the fleet, and ends
            self._ended.add(child.pid)
            self.reap()
        self._unsent.clear()
        self._hooks.gone(reason)

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._ended -= {pid for pid in self._ended if collect_child(pid)}

    def send(self, order: verbs.Order) -> None:
        """Writes to the child, if it runs."""
        if self._child is None:
            return
        self._unsent.append(verbs.write(order))
        if len(self._unsent) == 1:
            self._flush()
        elif len(self._unsent) > MOST_UNSENT:
            self._kill("it does not read what it is told")

    def _begin(self) -> None:
        self._retry = None
        try:
            self._child = self._hooks.start()
        except OSError as error:
            self._fail(str(error))
            return
        self._began = self._loop.time()
        self._loop.add_reader(self._child.link, self._read)
        self._hooks.begun()

    def _fail(self, reason: str) -> None:
        """The child has ended, or could not be started: another one follows."""
        self.end(reason)
        seconds = RETRY[min(self._failures, len(RETRY) - 1)]
        self._failures += 1
        self._log("fleet-child-ended", reason=reason, seconds=seconds)
        self._retry = self._loop.call_later(seconds, self._begin)

    def _kill(self, reason: str) -> None:
        """Ends a child that says what it may not, or does not read."""
        if self._child is not None:
            kill_child(self._child.pid)
        self._fail(reason)

    def _flush(self) -> None:
        child = self._child
        while child is not None and self._unsent:
            try:
                child.link.send(self._unsent[0])
            except BlockingIOError:
                self._loop.add_writer(child.link, self._flush)
                return
            except OSError:
                return  # it is gone; its end is read from the link
            self._unsent.popleft()
        if child is not None:
            self._loop.remove_writer(child.link)

    def _read(self) -> None:
        for _ in range(MOST_AT_ONCE):
            child = self._child
            if child is None:
                return
            try:
                data = child.link.recv(MAX_MESSAGE + 1)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._fail(self.problem or "it has ended")
                return
            try:
                report = verbs.read_report(data)
            except MalformedError as error:
                self._kill(str(error))
                return
            self._hooks.hear(report)
