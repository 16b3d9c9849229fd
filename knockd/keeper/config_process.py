"""A child reads the command line and the configuration: the daemon holds no parser and looks no name up.

What only a parser needs takes no memory while the daemon runs, and no line of a file is looked
at with the daemon's open descriptors.

World: a child process.
"""

from __future__ import annotations

import importlib
import os
import struct
import sys
from _pickle import UnpicklingError, dumps, loads  # pickle imports 0.4 MB beside it
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import knockd
from knockd.keeper.settings import Loaded, Settings
from knockd.process.fork import Fork
from knockd.process.pipe_child import PipeChild, Write
from knockd_conf.errors import ConfigError, Problem

_SIZE = struct.Struct("=Q")
"""Bytes of a pickled value: they come in front of it."""

Outcome = Loaded | Sequence[Problem]
"""A good configuration, or every problem of a bad one."""

Send = Callable[[object], None]
"""Sends a value to the parent."""


class ConfigProcess:
    """A child that sends values over a pipe, and ends with its parent.

    At the start the parent waits for it (``receive``, ``wait``); at a reload the event loop watches it
    (``fileno``, ``read_some``, ``outcome``, ``kill``, ``collect``).
    """

    def __init__(self, fork: Fork, work: Callable[[Send], int]) -> None:
        """Starts the child, whose exit status is what ``work`` returns. Raises OSError."""
        self._child = PipeChild(fork, lambda write: work(partial(_send, write)))
        self.pid = self._child.pid
        self._value = _Value()

    def receive(self) -> Any:
        """Waits for the next value and returns it; None: the child ended before it had sent one."""
        value = _Value()
        while value.read_some(self.fileno()):
            pass
        return value.take()

    def wait(self) -> int:
        """Waits for the end of the child; returns its exit status, or minus the signal that ended it."""
        self._child.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._child.fileno()

    def read_some(self) -> bool:
        """Reads once; returns False when the child has sent everything. Waits when nothing is there."""
        return self._value.read_some(self.fileno())

    def value(self) -> Any:
        """The value, once ``read_some`` has read everything; None: the child ended before it had sent one."""
        return self._value.take()

    def outcome(self, path: str) -> Outcome:
        """The outcome for the file ``path``, once ``read_some`` has read everything."""
        outcome: Outcome | None = self.value()
        return [unread(path, "the process that does so ended early")] if outcome is None else outcome

    def kill(self) -> None:
        """Ends the child, if it runs, and closes the pipe; ``collect`` follows."""
        self._child.kill()

    def collect(self) -> bool:
        """Collects the child if it has ended; returns whether it had."""
        return self._child.collect()


class _Value:
    """A value on its way. Its bytes are zeroed when it is there: no packet process is to inherit commands."""

    def __init__(self) -> None:
        self._data = bytearray(_SIZE.size)
        self._filled = 0
        self._sized = False

    def read_some(self, reader: int) -> bool:
        """Reads once; returns False when everything is there, or the other end is closed."""
        count = os.readv(reader, [memoryview(self._data)[self._filled :]])
        self._filled += count
        if self._filled == len(self._data) and not self._sized:
            (size,) = _SIZE.unpack(self._data)
            self._data, self._filled, self._sized = bytearray(size), 0, True
        return count > 0 and self._filled < len(self._data)

    def take(self) -> Any:
        """Returns the value; None: not all of it came, or it is none."""
        if not self._sized or self._filled < len(self._data):
            return None
        try:
            return loads(self._data)
        except (EOFError, UnpicklingError):
            return None
        finally:
            self._data[:] = bytes(len(self._data))


def start_reading(fork: Fork, settings: Settings) -> ConfigProcess:
    """Starts a child that sends the outcome of reading the configuration. Raises OSError."""

    def load() -> Loaded:
        from knockd.keeper.last_good import load_and_keep  # the parser is no part of the daemon

        return load_and_keep(settings)

    def work(send: Send) -> int:
        send(read_configuration(load, settings.config_path))
        return os.EX_OK

    return ConfigProcess(fork, work)


def read_configuration(load: Callable[[], Loaded], path: str) -> Outcome:
    """Returns what comes of ``load``; in the child. Never raises an Exception."""
    running = knockd.__version__
    try:
        # The parser is imported now: it has to be the one that the daemon was started with.
        installed = importlib.reload(knockd).__version__
        if installed != running:
            return [unread(path, f"knockd {installed} is installed and {running} runs; restart knockd")]
        return load()
    except ConfigError as error:
        return error.problems
    except ImportError as error:
        return [unread(path, f"{error}; after an upgrade restart knockd")]
    except Exception as error:  # noqa: BLE001 - whatever it is, the configuration before goes on
        with suppress(OSError, ValueError):  # nobody reads standard error
            sys.__excepthook__(*sys.exc_info())
        return [unread(path, f"{type(error).__name__}: {error}")]


def unread(path: str, reason: str) -> Problem:
    """A problem that may be gone the next time: nothing is known of the configuration."""
    return Problem(path, None, None, f"could not be read: {reason}", passing=True)


def _send(write: Write, value: object) -> None:
    data = dumps(value)
    write(_SIZE.pack(len(data)) + data)
