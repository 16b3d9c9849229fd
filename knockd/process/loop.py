"""The event loop: timers, readers and signals. The only file that knows asyncio.

World: the event loop.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

if "asyncio" not in sys.modules:
    # None makes "import ssl" an ImportError, and asyncio is written to live with that: 3 MB less.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
import asyncio


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


class _EventLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop, but no signal is lost, however many come while a callback runs.

    asyncio writes the number of each signal to a pipe: when that is full, numbers are lost, each with a
    traceback. Here the pipe only wakes the loop; a signal that comes twice in one turn is handled once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._came: set[int] = set()
        self._before: dict[int, Any] = {}
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.add_reader(self._reader, self._empty)

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Runs the callback, in a turn of the loop, after the signal came."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

        def handle() -> None:
            self._came.discard(sig)
            callback(*args)

        def note(_number: int, _frame: object) -> None:
            if sig not in self._came:
                self._came.add(sig)
                self.call_soon_threadsafe(handle)

        before = signal.signal(sig, note)
        self._before.setdefault(sig, before)
        signal.siginterrupt(sig, False)

    def close(self) -> None:
        """Closes the loop; each signal does again what it did before."""
        if self._before:
            signal.set_wakeup_fd(-1)
        # Python complains on standard error of a signal that comes while its handler changes.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._before.clear()
        if not self.is_closed():
            self.remove_reader(self._reader)
            os.close(self._reader)
            os.close(self._writer)
        super().close()

    def _empty(self) -> None:
        os.read(self._reader, 65_536)


def run(begin: Callable[[Loop], None], fault: Callable[[str], None]) -> None:
    """Makes a loop, calls ``begin`` with it and serves until its ``stop``.

    ``fault`` is called with one line about an exception that a callback let through; the loop goes on, and
    the traceback goes to standard error, the same in a row once.
    """
    loop = _EventLoop()
    last = ""

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        error = context.get("exception")
        reason = context["message"] if error is None else f"{type(error).__name__}: {error}"
        if reason != last:
            last = reason
            fault(reason)
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
    try:
        begin(loop)
        loop.run_forever()
    finally:
        loop.close()
