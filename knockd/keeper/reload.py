"""HUP: the configuration is read in a process of its own, so that nothing waits for a name of a Target.

Leases are closed and commands run meanwhile. A HUP that comes while one is under way is
remembered: what was changed after the files were opened is read once more.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from knockd.keeper.reading import Fork, Outcome, Reading, begin, understood, unread
from knockd.keeper.settings import Loaded
from knockd_conf import Problem

PATIENCE = 60.0
"""Seconds to read a configuration: a resolver that says nothing gives up earlier."""

_CHUNK = 65_536


class Reload:
    """Reads a configuration when it is asked to, one at a time; ``good`` or ``bad`` hears the outcome.

    ``fork`` starts a child that runs a function and keeps some descriptors, ``path`` is the file that
    ``load`` reads; ``begun`` is called before each time it does.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fork: Fork,
        load: Callable[[], Loaded],
        path: str,
        *,
        begun: Callable[[], None],
        good: Callable[[Loaded], None],
        bad: Callable[[Sequence[Problem]], None],
    ) -> None:
        self._loop = loop
        self._fork = fork
        self._load = load
        self._path = path
        self._begun = begun
        self._good = good
        self._bad = bad
        self._reading: Reading | None = None
        self._told = bytearray()
        self._again = False
        self._timer: asyncio.TimerHandle | None = None
        self._ended: set[int] = set()

    def ask(self) -> None:
        """HUP: reads the configuration now, or once more after the one that is being read."""
        if self._reading is not None:
            self._again = True
            return
        self._begun()
        try:
            self._start()
        except OSError as error:  # neither process nor descriptor to be had
            self._bad([unread(self._path, str(error.strerror))])

    def stop(self) -> None:
        """The daemon ends: what is being read has no effect any more."""
        self._again = False
        if self._reading is not None:
            self._end()

    def reap(self) -> None:
        """Collects processes that have ended; call it on SIGCHLD."""
        for pid in list(self._ended):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                self._ended.discard(pid)

    def _start(self) -> None:
        self._reading = begin(self._fork, self._load, self._path)
        os.set_blocking(self._reading.reader, False)
        self._told.clear()
        self._loop.add_reader(self._reading.reader, self._read)
        self._timer = self._loop.call_later(PATIENCE, self._late)

    def _read(self) -> None:
        assert self._reading is not None
        data = os.read(self._reading.reader, _CHUNK)
        if data:
            self._told += data
            return
        told = bytes(self._told)
        self._end()
        self._finish(understood(told, self._path))

    def _late(self) -> None:
        self._end()
        self._finish([unread(self._path, f"it took more than {PATIENCE:.0f} seconds")])

    def _end(self) -> None:
        """Lets go of the process, which has ended or must."""
        assert self._reading is not None
        assert self._timer is not None
        self._timer.cancel()
        self._loop.remove_reader(self._reading.reader)
        os.close(self._reading.reader)
        self._told.clear()
        with suppress(ProcessLookupError):
            os.kill(self._reading.pid, signal.SIGKILL)
        self._ended.add(self._reading.pid)
        self._reading = None
        self.reap()

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Loaded):
            self._good(outcome)
        else:
            self._bad(outcome)
        if self._again:
            self._again = False
            self.ask()
