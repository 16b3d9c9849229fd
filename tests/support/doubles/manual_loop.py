"""An event loop whose time stands still: callbacks run when a test says so."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any, cast

from knockd.process.loop import Loop


class Timer:
    """A callback that waits for ``seconds``, until the loop's time is ``due``."""

    def __init__(self, seconds: float, callback: Callable[[], object], now: float = 0.0) -> None:
        self.seconds = seconds
        self.due = now + seconds
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """It is not to run."""
        self.cancelled = True


class ManualLoop:
    """The few methods of the event loop that keepers use; ``loop`` is the same for the type checker."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []
        self.soon: list[Timer] = []
        self.readers: dict[int, tuple[Callable[..., object], tuple[Any, ...]]] = {}
        self.writers: dict[int, tuple[Callable[..., object], tuple[Any, ...]]] = {}

    @property
    def loop(self) -> Loop:
        """This loop, where a whole one is asked for."""
        return cast(Loop, self)

    def time(self) -> float:
        """Time stands still."""
        return self.now

    def call_later(self, seconds: float, callback: Callable[..., object], *given: Any) -> Timer:
        """Notes a timer."""
        self.timers.append(Timer(seconds, lambda: callback(*given), self.now))
        return self.timers[-1]

    def call_soon(self, callback: Callable[..., object], *given: Any) -> Timer:
        """Notes what runs in the next turn."""
        self.soon.append(Timer(0.0, lambda: callback(*given)))
        return self.soon[-1]

    def turn(self) -> None:
        """Runs what was to run soon, and what that wants to run soon."""
        while self.soon:
            one = self.soon.pop(0)
            if not one.cancelled:
                one.callback()

    def add_reader(self, link: socket.socket, callback: Callable[..., object], *given: Any) -> None:
        """Notes a reader."""
        self.readers[link.fileno()] = (callback, given)

    def remove_reader(self, link: socket.socket) -> bool:
        """Forgets a reader."""
        return self.readers.pop(link.fileno(), None) is not None

    def add_writer(self, link: socket.socket, callback: Callable[..., object], *given: Any) -> None:
        """Notes a writer."""
        self.writers[link.fileno()] = (callback, given)

    def remove_writer(self, link: socket.socket) -> bool:
        """Forgets a writer."""
        return self.writers.pop(link.fileno(), None) is not None

    @property
    def waiting(self) -> list[float]:
        """Seconds of the timers that are still to run."""
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def fire(self) -> None:
        """Runs the one timer that waits."""
        (timer,) = (timer for timer in self.timers if not timer.cancelled)
        timer.cancel()
        timer.callback()

    def deliver(self) -> None:
        """Runs the reader of every link on which something came, and the writer of those that have room."""
        can_read, can_write, _ = select.select(list(self.readers), list(self.writers), [], 0)
        for watched, ready in ((self.readers, can_read), (self.writers, can_write)):
            for number in ready:
                if number in watched:
                    callback, given = watched[number]
                    callback(*given)
