"""A configuration is read in a process of its own: the daemon holds no parser of it, nor asks for a name.

So what only the parser needs takes no memory while the daemon runs, and no line of a file is
looked at with the daemon's open descriptors.
"""

from __future__ import annotations

import importlib
import os
import pickle
import struct
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import knockd
from knockd.edge.privileges import end_with
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
    asking = os.getpid()

    def main() -> int:
        end_with(asking)  # a name server may take its time
        _tell(_outcome(load, path), writer)
        return 0

    try:
        return Reading(fork(main, [writer]), reader)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)


def wait(reading: Reading, path: str) -> Outcome:
    """The outcome, as soon as it is there; nothing is left of the process then."""
    with os.fdopen(reading.reader, "rb") as pipe:
        told = pipe.read()
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


def _outcome(load: Callable[[], Loaded], path: str) -> Outcome:
    """What comes of reading; in the process that reads the configuration."""
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
        with suppress(OSError, ValueError):  # nobody reads it
            traceback.print_exc()
        return [unread(path, f"{type(error).__name__}: {error}")]


def _tell(outcome: Outcome, writer: int) -> None:
    told = pickle.dumps(outcome)
    left = memoryview(_SIZE.pack(len(told)) + told)
    with suppress(BrokenPipeError):  # whoever asked is gone
        while left:
            left = left[os.write(writer, left) :]
