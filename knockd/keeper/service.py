"""What the service manager hears of us: ready, reloading, stopping, a line of status, signs of life.

A daemon that none started says nothing and has no timer. With a watchdog a sign of life is
sent when the packet process has given one, or when there is none: then the keeper is all there
is (it waits for an interface or to start another), and a restart would do no more than it does.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from knockd.edge.notify import Manager, tell

STATUS_EVERY = 1.0
"""Seconds between two lines of status, however much happens."""

AGAIN = 0.1
"""Seconds until a service manager that does not read is told again."""

MOST_UNSENT = 16
"""Changes of state that wait for it; older ones are let go."""


def status_line(
    doors: int, interfaces: Sequence[str], waiting: Sequence[str], open_now: int, failed: int
) -> str:
    """What ``systemctl status`` shows; ``failed`` of the doors ``open_now`` could not be closed."""
    parts = [f"{doors} door{'s' if doors != 1 else ''}"]
    if interfaces:
        parts[0] += f" on {', '.join(interfaces)}"
    if waiting:
        parts.append(f"waiting for {', '.join(waiting)}")
    elif not interfaces:
        parts.append("not listening")
    parts.append(f"{open_now} open")
    if failed:
        parts.append(f"{failed} could not be closed")
    return "; ".join(parts)


class Service:
    """Tells the service manager. ``status`` makes the line, ``lost`` hears why it cannot be told.

    ``ask`` asks the packet process for a sign of life within the seconds given, and returns
    False when there is none.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        manager: Manager,
        *,
        status: Callable[[], str],
        lost: Callable[[str], None],
        ask: Callable[[float], bool],
    ) -> None:
        self._loop = loop
        self._manager = manager
        self._status = status
        self._lost = lost
        self._ask = ask
        self._up = False
        self._reloading = self._over = False
        self._complained = False
        self._told = ""
        self._unsent: deque[dict[str, object]] = deque(maxlen=MOST_UNSENT)
        self._again: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        if manager.problem:
            self._complain(manager.problem)

    def up(self) -> None:
        """We are listening, or waiting for something to listen on: started, or done with a reload."""
        if self._over:
            return
        if not self._up or self._reloading:
            message: dict[str, object] = {"READY": 1}
            if not self._up and os.getpid() != self._manager.pid:
                message["MAINPID"] = os.getpid()  # with -d
            self._told = message["STATUS"] = self._status()
            self._send(message)
        first, self._up, self._reloading = not self._up, True, False
        if first and self._manager.watchdog is not None:
            self._watch_in(self._manager.watchdog / 2)
        self.changed()

    def reloading(self) -> None:
        """The configuration is being read again; ``up`` ends it."""
        if self._up:
            self._reloading = True
            # sd_notify(3): of the same clock as the service manager's, to tell this reload from others.
            self._send({"RELOADING": 1, "MONOTONIC_USEC": time.monotonic_ns() // 1_000})

    def stopping(self) -> None:
        """We are on our way out."""
        self._over = True
        if self._up:
            self._up = False
            self._send({"STOPPING": 1, "STATUS": "closing doors"})

    def changed(self) -> None:
        """Something that the line of status shows may have changed."""
        if not self._up or self._pause is not None or self._manager.address is None:
            return
        status = self._status()
        if status != self._told:
            self._told = status
            self._send({"STATUS": status})
            self._pause = self._loop.call_later(STATUS_EVERY, self._pause_over)

    def alive(self) -> None:
        """All of us are well."""
        if self._manager.watchdog is not None:
            self._send({"WATCHDOG": 1})

    def _pause_over(self) -> None:
        self._pause = None
        self.changed()

    def _watch_in(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._watch, seconds)

    def _watch(self, seconds: float) -> None:
        # What hangs is replaced after three quarters of the watchdog's time, and is well before it is over.
        self._watch_in(seconds)
        if not self._ask(seconds / 2):
            self.alive()

    def _send(self, message: dict[str, object]) -> None:
        if self._manager.address is not None:
            self._unsent.append(message)
            if self._again is None:
                self._flush(self._manager.address)

    def _flush(self, address: str) -> None:
        self._again = None
        while self._unsent:
            try:
                tell(address, self._unsent[0])
            except BlockingIOError:
                self._again = self._loop.call_later(AGAIN, self._flush, address)
                return
            except OSError as error:
                self._complain(str(error.strerror or error))
            self._unsent.popleft()

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            self._lost(reason)
