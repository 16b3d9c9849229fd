"""Reading a configuration in a process of its own, and waiting for it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from knockd.edge.children import fork_child
from knockd.keeper.reading import Outcome, begin, wait
from knockd.keeper.settings import Loaded
from knockd_conf import Config, ConfigError, Problem
from knockd_conf.model import Options

PATH = "/etc/knockd.conf"
LOADED = Loaded(Config(PATH, Options(), (), "host", (PATH,)), None)


def read(load: Callable[[], Loaded]) -> Outcome:
    """The outcome of a reading that was waited for."""
    return wait(begin(fork_child, load, PATH), PATH)


def hang() -> Loaded:
    """A name server that does not answer."""
    time.sleep(60)
    return LOADED


def test_good() -> None:
    """A good configuration comes back as it was read."""
    assert LOADED == read(lambda: LOADED)


def test_bad() -> None:
    """Every problem of a bad one comes back."""
    problems = (Problem(PATH, 1, "a", "expected b"), Problem(PATH, 2, None, "expected c", passing=True))

    def load() -> Loaded:
        raise ConfigError(problems)

    assert problems == read(load)


def test_killed() -> None:
    """A process that ends early has told nothing: that may be better the next time."""

    def load() -> Loaded:
        os.kill(os.getpid(), signal.SIGKILL)
        return LOADED

    (problem,) = (one for one in [read(load)] if not isinstance(one, Loaded))
    assert ([one.passing for one in problem], len(problem)) == ([True], 1)


def test_interrupted() -> None:
    """Ctrl-C ends the waiting, and the process that reads with it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    reading = begin(fork_child, hang, PATH)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            wait(reading, PATH)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(reading.pid, 0)
