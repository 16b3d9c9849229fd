"""HUP: the configuration is read in a process of its own, so that nothing waits for a name of a Target.

Leases are closed and commands run meanwhile. A HUP that comes while one is under way is
remembered: what was changed after the files were opened is read once more.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from knockd_conf import Config, ConfigError

PATIENCE = 60.0
"""Seconds to read a configuration: a resolver that says nothing gives up earlier."""

_CHUNK = 65_536
_SIZE = struct.Struct("=Q")

Fork = Callable[[Callable[[], int], Iterable[int]], int]
Outcome = Config | Sequence[str]
"""A good configuration, or every problem of a bad one."""


class Reload:
    """Reads a configuration when it is asked to, one at a time; ``good`` or ``bad`` hears the outcome.

    ``fork`` starts a child that runs a function and keeps some descriptors; ``begun`` is called
    before each time it does.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fork: Fork,
        load: Callable[[], Config],
        *,
        begun: Callable[[], None],
        good: Callable[[Config], None],
        bad: Callable[[Sequence[str]], None],
    ) -> None:
        self._loop = loop
        self._fork = fork
        self._load = load
        self._begun = begun
        self._good = good
        self._bad = bad
        self._pid = 0
        self._reader: int | None = None
        self._told = bytearray()
        self._again = False
        self._timer: asyncio.TimerHandle | None = None
        self._ended: set[int] = set()

    def ask(self) -> None:
        """HUP: reads the configuration now, or once more after the one that is being read."""
        if self._reader is not None:
            self._again = True
            return
        self._begun()
        try:
            self._start()
        except OSError as error:  # neither process nor descriptor to be had
            self._bad([f"the configuration could not be read: {error.strerror}"])

    def stop(self) -> None:
        """The daemon ends: what is being read has no effect any more."""
        self._again = False
        if self._reader is not None:
            self._end()

    def reap(self) -> None:
        """Collects processes that have ended; call it on SIGCHLD."""
        for pid in list(self._ended):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                self._ended.discard(pid)

    def _start(self) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            self._pid = self._fork(lambda: _tell(self._load, writer), [writer])
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._reader = reader
        self._told.clear()
        self._loop.add_reader(reader, self._read)
        self._timer = self._loop.call_later(PATIENCE, self._late)

    def _read(self) -> None:
        assert self._reader is not None
        data = os.read(self._reader, _CHUNK)
        if data:
            self._told += data
            return
        told = bytes(self._told)
        self._end()
        self._finish(_understood(told))

    def _late(self) -> None:
        self._end()
        self._finish([f"the configuration could not be read within {PATIENCE:.0f} seconds"])

    def _end(self) -> None:
        """Lets go of the process, which has ended or must."""
        assert self._reader is not None
        assert self._timer is not None
        self._timer.cancel()
        self._loop.remove_reader(self._reader)
        os.close(self._reader)
        self._reader = None
        self._told.clear()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._ended.add(self._pid)
        self.reap()

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Config):
            self._good(outcome)
        else:
            self._bad(outcome)
        if self._again:
            self._again = False
            self.ask()


def _tell(load: Callable[[], Config], writer: int) -> int:
    """Writes the outcome; in the process that reads the configuration."""
    outcome: Outcome
    try:
        outcome = load()
    except ConfigError as error:
        outcome = [str(problem) for problem in error.problems]
    told = pickle.dumps(outcome)
    left = memoryview(_SIZE.pack(len(told)) + told)
    while left:
        left = left[os.write(writer, left) :]
    return 0


def _understood(told: bytes) -> Outcome:
    """What our own process has written."""
    if len(told) < _SIZE.size or _SIZE.unpack_from(told)[0] != len(told) - _SIZE.size:
        return ["the configuration could not be read: the process that does so ended early"]
    outcome: Outcome = pickle.loads(told[_SIZE.size :])
    return outcome
