"""The event loop: timers, readers and signals, on poll(2). Nothing wakes it but what it waits for.

A turn runs, in this order: what was to run soon, whatever can be read or written, timers that are due (those
due at the same moment in the order in which they were set). What a callback wants to run soon waits for
the next turn; what it cancels or removes does not run any more, not even in this one.

World: the event loop.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from heapq import heapify, heappop, heappush
from typing import Any, Protocol

LONGEST = 86_400_000
"""Milliseconds of one wait at most: poll(2) takes no more than 24 days."""

FEW = 64
"""So many cancelled timers may wait for their time; above that, no more than there are live ones."""

IN_A_ROW, REST = 10, 1.0
"""A descriptor whose callback raises so many times in a row is left alone for so many seconds."""


class Timer(Protocol):
    """A callback that is still to run."""

    def cancel(self) -> None:
        """Keeps the callback from running; does nothing when it has run."""


class File(Protocol):
    """Something with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


class Loop(Protocol):
    """What the daemon uses of an event loop. Callbacks run one after the other; there are no threads."""

    def time(self) -> float:
        """Seconds of a steady clock."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """Runs the callback in the next turn."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Runs the callback after ``delay`` seconds."""

    def add_reader(self, fd: int | File, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback whenever the descriptor can be read."""

    def remove_reader(self, fd: int | File) -> bool:
        """Stops watching the descriptor; call it before the descriptor is closed."""

    def add_writer(self, fd: int | File, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback whenever there is room to write to the descriptor."""

    def remove_writer(self, fd: int | File) -> bool:
        """Watches no longer for room; call it before the descriptor is closed."""

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback, in a turn of the loop, after the signal came."""

    def stop(self) -> None:
        """Ends ``run`` after this turn."""


class EventLoop:
    """The daemon's loop. ``fault`` is given what a callback raises; the loop goes on.

    A descriptor whose callback raises each time does not keep the loop busy: it rests (``REST``).

    No signal is lost, however many come while a callback runs: the wake-up pipe only ends the wait, and may
    be full. A signal that comes twice in one turn is handled once.
    """

    def __init__(self, fault: Callable[[Exception], None]) -> None:
        self._fault = fault
        self._soon: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []  # a heap
        self._number = self._cancelled = 0
        self._watched: dict[int, dict[int, _Call]] = {select.POLLIN: {}, select.POLLOUT: {}}
        self._poll = select.poll()
        self._signals: dict[int, Any] = {}  # what each did before
        self._came: set[int] = set()
        self._stopping = False
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.add_reader(self._reader, os.read, self._reader, 65_536)

    def time(self) -> float:
        """Seconds of a steady clock."""
        return time.monotonic()

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """Runs the callback in the next turn."""
        call = _Call(callback, args)
        self._soon.append(call)
        return call

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Runs the callback after ``delay`` seconds."""
        call = _Call(callback, args, self._note_cancelled)
        self._number += 1
        heappush(self._timers, (self.time() + delay, self._number, call))
        return call

    def add_reader(self, fd: int | File, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback whenever the descriptor can be read, or has ended."""
        self._watch(select.POLLIN, fd, _Call(callback, args))

    def remove_reader(self, fd: int | File) -> bool:
        """Stops watching the descriptor; returns whether it was watched."""
        return self._watch(select.POLLIN, fd, None)

    def add_writer(self, fd: int | File, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback whenever there is room to write to the descriptor, or it has no reader left."""
        self._watch(select.POLLOUT, fd, _Call(callback, args))

    def remove_writer(self, fd: int | File) -> bool:
        """Watches no longer for room; returns whether it was watched."""
        return self._watch(select.POLLOUT, fd, None)

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Runs the callback, in a turn of the loop, after the signal came."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

        def handle() -> None:
            self._came.discard(sig)
            callback(*args)

        def note(_number: int, _frame: object) -> None:
            if sig not in self._came:
                self._came.add(sig)
                self.call_soon(handle)

        before = signal.signal(sig, note)
        self._signals.setdefault(sig, before)
        signal.siginterrupt(sig, False)

    def stop(self) -> None:
        """Ends ``run`` after this turn."""
        self._stopping = True

    def run(self) -> None:
        """Serves until ``stop``."""
        while True:
            self._turn()
            if self._stopping:
                break
        self._stopping = False

    def close(self) -> None:
        """Closes the loop; each signal does again what it did before."""
        if self._signals:
            signal.set_wakeup_fd(-1)
        # Python complains on standard error of a signal that comes while its handler changes.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._signals.clear()
        if self.remove_reader(self._reader):
            os.close(self._reader)
            os.close(self._writer)

    def _turn(self) -> None:
        ready, timers = self._soon, self._timers
        while timers and timers[0][2].callback is None:
            heappop(timers)
            self._cancelled -= 1
        wait: float | None = None
        if ready or self._stopping:
            wait = 0
        elif timers:
            wait = min(max(0.0, (timers[0][0] - self.time()) * 1000), LONGEST)
        for fd, events in self._poll.poll(wait):  # rounds up to milliseconds
            if events & select.POLLNVAL:
                self._forget_closed(fd)
                continue
            for kind, other in ((select.POLLIN, select.POLLOUT), (select.POLLOUT, select.POLLIN)):
                watcher = self._watched[kind].get(fd)
                if events & ~other and watcher is not None and not watcher.rests:
                    ready.append(watcher)
        now = self.time()
        while timers and timers[0][0] <= now:
            call = heappop(timers)[2]
            if call.callback is None:
                self._cancelled -= 1
            else:
                call.cancelled = None
                ready.append(call)
        for _ in range(len(ready)):
            call = ready.popleft()
            if call.callback is not None:
                try:
                    call.callback(*call.args)
                except Exception as error:  # noqa: BLE001 - one fault stops nothing else
                    self._fault(error)
                    call.raised += 1
                    if call.raised >= IN_A_ROW:
                        self._rest(call)
                else:
                    call.raised = 0

    def _watch(self, kind: int, fd: int | File, call: _Call | None) -> bool:
        number = fd if isinstance(fd, int) else fd.fileno()
        watched = self._watched[kind]
        if call is not None:
            self._poll.register(number, kind | self._mask(number))
        before = watched.pop(number, None)
        if before is not None:
            before.cancel()
        if call is not None:
            watched[number] = call
        elif before is not None:
            self._wait_for(number)
        return before is not None

    def _wait_for(self, number: int) -> None:
        if mask := self._mask(number):
            self._poll.register(number, mask)
        else:  # with no events poll(2) would still tell of its end
            with suppress(KeyError):
                self._poll.unregister(number)

    def _mask(self, number: int) -> int:
        both = ((kind, watched.get(number)) for kind, watched in self._watched.items())
        return sum(kind for kind, call in both if call is not None and not call.rests)

    def _rest(self, call: _Call) -> None:
        for watched in self._watched.values():
            for number in [number for number, one in watched.items() if one is call]:
                call.rests = True
                self._wait_for(number)
                self.call_later(REST, self._wake, number, call)

    def _wake(self, number: int, call: _Call) -> None:
        if call.callback is not None:  # else it was removed while it rested
            call.rests = False
            self._wait_for(number)

    def _forget_closed(self, number: int) -> None:
        # Else every wait would end at once, for ever.
        self.remove_reader(number)
        self.remove_writer(number)
        self._fault(RuntimeError(f"descriptor {number} was closed while it was watched"))

    def _note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > FEW and self._cancelled * 2 > len(self._timers):
            self._timers[:] = [timer for timer in self._timers if timer[2].callback is not None]
            heapify(self._timers)
            self._cancelled = 0


class _Call:
    """A callback with its arguments; ``cancelled`` is called when it is cancelled while its timer waits.

    ``raised``: how many times in a row; ``rests``: whether its descriptor is left alone for this.
    """

    __slots__ = ("args", "callback", "cancelled", "raised", "rests")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        cancelled: Callable[[], None] | None = None,
    ) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.cancelled = cancelled
        self.raised, self.rests = 0, False

    def cancel(self) -> None:
        """Keeps the callback from running, and holds on to nothing of it."""
        if self.callback is not None:
            self.callback, self.args = None, ()
            if self.cancelled is not None:
                self.cancelled()


def run(begin: Callable[[Loop], None], fault: Callable[[str], None]) -> None:
    """Makes a loop, calls ``begin`` with it and serves until its ``stop``.

    ``fault`` is called with one line about an exception that a callback let through; the loop goes on, and
    the traceback goes to standard error, the same in a row once.
    """
    last = ""

    def handle(error: Exception) -> None:
        nonlocal last
        reason = f"{type(error).__name__}: {error}"
        if reason != last:
            last = reason
            sys.__excepthook__(type(error), error, error.__traceback__)
            try:
                fault(reason)
            except Exception as another:  # noqa: BLE001 - it stops nothing either
                sys.__excepthook__(type(another), another, another.__traceback__)

    loop = EventLoop(handle)
    try:
        begin(loop)
        loop.run()
    finally:
        loop.close()
