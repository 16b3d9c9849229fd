"""A configuration is read in a process of its own: the daemon never holds the parser, nor asks for a name.

So what only the parser needs takes no memory while the daemon runs, and no line of a file is
looked at with the daemon's open descriptors.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import knockd
from knockd.keeper.settings import Loaded
from knockd_conf.errors import ConfigError, Problem

_SIZE = struct.Struct("=Q")

Fork = Callable[[Callable[[], int], Iterable[int]], int]
Outcome = Loaded | Sequence[Problem]
"""A good configuration, or every problem of a bad one."""


class Reading(NamedTuple):
    """A process that reads a configuration, and the descriptor on which it tells the outcome."""

    pid: int
    reader: int


def begin(fork: Fork, load: Callable[[], Loaded], path: str) -> Reading:
    """Starts it; ``fork`` starts a child that runs a function and keeps some descriptors. Raises OSError."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        return Reading(fork(lambda: _tell(load, path, writer), [writer]), reader)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)


def wait(reading: Reading, path: str) -> Outcome:
    """The outcome, as soon as it is there; nothing is left of the process then."""
    try:
        with os.fdopen(reading.reader, "rb") as pipe:
            told = pipe.read()
    except BaseException:  # Ctrl-C while a name server does not answer
        os.kill(reading.pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(reading.pid, 0)
    return understood(told, path)


def understood(told: bytes, path: str) -> Outcome:
    """The outcome, from all that was told; ``path`` is the file of which nothing may have been heard."""
    if len(told) < _SIZE.size or _SIZE.unpack_from(told)[0] != len(told) - _SIZE.size:
        return [unread(path, "the process that does so ended early")]
    outcome: Outcome = pickle.loads(told[_SIZE.size :])
    return outcome


def unread(path: str, reason: str) -> Problem:
    """A configuration of which nothing is known: the next time may be better."""
    return Problem(path, None, None, f"could not be read: {reason}", passing=True)


def _tell(load: Callable[[], Loaded], path: str, writer: int) -> int:
    """Writes the outcome; in the process that reads the configuration."""
    outcome: Outcome
    running = knockd.__version__
    try:
        # The parser is imported now: it has to be the one that the daemon was started with.
        installed = importlib.reload(knockd).__version__
        if installed == running:
            outcome = load()
        else:
            outcome = [unread(path, f"knockd {installed} is installed and {running} runs; restart knockd")]
    except ConfigError as error:
        outcome = error.problems
    except (ImportError, OSError) as error:
        outcome = [unread(path, f"{error}; after an upgrade restart knockd")]
    told = pickle.dumps(outcome)
    left = memoryview(_SIZE.pack(len(told)) + told)
    with suppress(BrokenPipeError):  # whoever asked is gone
        while left:
            left = left[os.write(writer, left) :]
    return 0
