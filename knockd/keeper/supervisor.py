"""Keeps one packet process alive: starts it, hears it, replaces it when it dies or must change.

A new one is forked beside the old one and takes over when it captures; what the old one
still had to say is read before its link is closed, and then it ends by itself. One that does
not answer in time is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from knockd.edge.link import MAX_EVENT, Kind, MalformedError, Message, View, decode
from knockd.keeper.answers import Answers
from knockd.worker.process import WorkerProcess

BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a packet process is replaced; the last one repeats."""

STEADY = 60.0
"""Seconds after which a packet process counts as healthy and back-off starts anew."""

ANSWER = 10.0
"""Seconds in which a packet process must have started, or put a view into effect."""

MOST_AT_ONCE, MOST_AT_LAST = 32, 1_024
"""Messages read in one go, so that commands and timers have their turn in a storm, and of one that is to
end: more than the link holds.
"""

_ANY_TIME = frozenset({Kind.FAILED, Kind.LOST})
"""What a packet process may say before it is ready, too."""

_RARE = frozenset(
    {Kind.STAGE, Kind.SPOILED, Kind.EXPIRED, Kind.GUARDED, Kind.DROPPED, Kind.WIDENED, Kind.SMALL_RING}
)
"""What it holds back itself when strangers cause too much of it, or hardly ever says: lines of the log."""


class Listener(Protocol):
    """Who hears what happens to the packet process."""

    def ready(self, worker: WorkerProcess) -> None:
        """``worker`` captures and is the one that counts from now on."""

    def failed(self, status: int, reason: str) -> None:
        """A packet process could not start or go on; ``status`` is from sysexits.h."""

    def malformed(self, reason: str) -> None:
        """A packet process said something it never may; it has been killed."""

    def lost(self, reason: str, seconds: float) -> None:
        """The packet process ended; another one is started in ``seconds``."""

    def answered(self) -> None:
        """The packet process that counts has just shown that it is well."""

    def silent(self, seconds: float) -> None:
        """A packet process has not answered for ``seconds``; it has been killed."""

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """An event."""


class Supervisor:
    """Holds the packet process that counts (``current``) and the one that is starting."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, start: Callable[[], WorkerProcess | None], listener: Listener
    ) -> None:
        """``start`` forks a packet process; None: there is nothing to listen on, so none is to run."""
        self._loop = loop
        self._start = start
        self._listener = listener
        self._next: WorkerProcess | None = None
        self._pids: set[int] = set()
        self._failure = ""
        self._deaths = 0
        self._ready_at = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._answers = Answers(loop, self._silent)
        self.current: WorkerProcess | None = None

    @property
    def changing(self) -> bool:
        """Whether a packet process is starting."""
        return self._next is not None

    @property
    def latest(self) -> WorkerProcess | None:
        """The packet process that was started last, if it lives."""
        return self._next or self.current

    def replace(self) -> None:
        """Starts a packet process, at once, that takes over as soon as it captures."""
        self._cancel_retry()
        if self._next is not None:
            self._dismiss(self._next)
            self._next = None
        try:
            self._next = self._start()
        except OSError as error:
            # No process or descriptor to be had now; the one that captures, if any, goes on.
            self._failure = f"no packet process can be started: {error}"
            self._try_later()
            return
        if self._next is None:
            if self.current is not None:
                self._read(self.current, MOST_AT_LAST)  # what it still had to say
            self.stop()
            return
        self._pids.add(self._next.pid)
        self._loop.add_reader(self._next.link, self._read, self._next)
        self._answers.expect(self._next, ANSWER)

    def ask(self, patience: float) -> bool:
        """Asks for a sign of life within ``patience`` seconds; False: there is no packet process.

        One that is starting is not asked: it says by itself that it captures.
        """
        if self.current is not None:
            self.tell(self.current, View(), patience)
        return self.current is not None or self._next is not None

    def tell(self, worker: WorkerProcess, view: View, patience: float = ANSWER) -> None:
        """Sends a view to a packet process, which has to put it into effect within ``patience`` seconds."""
        try:
            worker.link.send(view.encode())
        except BlockingIOError:
            # It has not read its last views: one that is this far behind is started anew.
            self._kill(worker, "does not read its link")
        except ConnectionError:
            return  # it is gone; its end is read from the link
        except OSError:
            # Longer than the link takes (EMSGSIZE): a new one is forked with what the view says.
            self.replace()
        else:
            self._answers.expect(worker, patience)

    def tell_all(self, view: View) -> None:
        """Sends a view to the packet process that counts and to the one that is starting."""
        for worker in (self.current, self._next):
            # Telling the first may have replaced the second, by one that knows.
            if worker is not None and (worker is self.current or worker is self._next):
                self.tell(worker, view)

    def reap(self) -> None:
        """Collects ended packet processes; call it on SIGCHLD."""
        for pid in list(self._pids):
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            self._pids.discard(pid)

    def stop(self) -> None:
        """Lets every packet process end."""
        self._cancel_retry()
        for worker in (self.current, self._next):
            if worker is not None:
                self._dismiss(worker)
        self.current = self._next = None

    def _read(self, worker: WorkerProcess, most: int = MOST_AT_ONCE) -> None:
        """Hears what a packet process has said, as long as it counts: what it says can be its end."""
        worker.lines.refill(time.monotonic())
        for _ in range(most):
            if worker is not self.current and worker is not self._next:
                return
            try:
                data = worker.link.recv(MAX_EVENT + 1)  # one more shows that it is too long
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._ended(worker)
                return
            try:
                message = decode(data, len(worker.config.doors), len(worker.interfaces))
                if (message.kind is Kind.READY) != (worker is self._next and message.kind not in _ANY_TIME):
                    raise MalformedError(f"{message.kind.name} out of turn")
                answer = message.kind in {Kind.READY, Kind.PONG}
                if answer and not self._answers.came(worker):
                    raise MalformedError(f"{message.kind.name} that nobody asked for")
                if message.kind is Kind.LOST and message.interface in worker.lost:
                    raise MalformedError("LOST twice")
                if message.kind in _RARE and not worker.lines.take():
                    raise MalformedError("more than it may tell")
            except MalformedError as error:
                self._listener.malformed(str(error))
                self._kill(worker, "malformed message")
                return
            if message.kind is Kind.FAILED:
                self._failure = message.text
                self._listener.failed(message.stage, message.text)
            elif message.kind is Kind.READY:
                worker.keeps = message.text
                self._take_over(worker)
            elif message.kind is Kind.PONG:
                self._listener.answered()
            elif message.kind is Kind.LOST:
                worker.lost.add(message.interface)
                self._listener.heard(worker, message)
            else:
                self._listener.heard(worker, message)

    def _take_over(self, worker: WorkerProcess) -> None:
        old = self.current
        if old is not None:
            self._read(old, MOST_AT_LAST)
        if self._next is not worker:
            return  # what the old one said has called for another one
        if self.current is not None:  # reading it may have shown that it is gone
            self._dismiss(self.current)
        self.current, self._next = worker, None
        self._ready_at = time.monotonic()
        self._cancel_retry()
        self._listener.ready(worker)

    def _dismiss(self, worker: WorkerProcess) -> None:
        """Lets a packet process go: without its link it ends by itself, one that was taken over must."""
        self._answers.forget(worker)
        self._loop.remove_reader(worker.link)
        worker.link.close()
        if worker.pid in self._pids:  # else it has been collected, and the number may be another's by now
            with suppress(ProcessLookupError, PermissionError):
                os.kill(worker.pid, signal.SIGKILL)

    def _silent(self, worker: WorkerProcess, seconds: float) -> None:
        self._listener.silent(seconds)
        self._kill(worker, "does not answer")

    def _kill(self, worker: WorkerProcess, reason: str) -> None:
        self._failure = reason
        self._ended(worker)

    def _ended(self, worker: WorkerProcess) -> None:
        """A packet process is gone by itself: another one is started after a while."""
        self._dismiss(worker)
        if worker is self._next:
            self._next = None
        else:
            self.current = None
            if time.monotonic() - self._ready_at > STEADY:
                self._deaths = 0
        self._try_later()

    def _try_later(self) -> None:
        if self._retry is not None:
            return
        seconds = BACK_OFF[min(self._deaths, len(BACK_OFF) - 1)]
        self._deaths += 1
        self._listener.lost(self._failure or "it was killed", seconds)
        self._failure = ""
        self._retry = self._loop.call_later(seconds, self._again)

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _again(self) -> None:
        self._retry = None
        self.replace()
