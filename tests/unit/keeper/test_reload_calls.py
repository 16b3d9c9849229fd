"""Reload: answered with every problem, or when the configuration is in effect."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from structlog.testing import capture_logs

from knockd.keeper.config_process import Outcome
from knockd.keeper.reload_calls import PATIENCE, ReloadCalls
from knockd.keeper.settings import Loaded
from knockd.log.logger import Logger
from knockd.process.privileges import User
from knockd_conf.errors import Note, Problem
from knockd_conf.model import Config, Options
from tests.support.doubles.made_calls import MadeCalls
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import door

PATH = "/etc/knockd.conf"
NOTE = Note(PATH, 3, None, "odd")
GOOD = Loaded(
    Config(PATH, Options(), (door("1 2"), door("3 4")), "host", (PATH,), notes=(NOTE,)), User("eve", 1, 2)
)
BAD = [Problem(PATH, 7, "Sequence", "expected ports, got 'x'"), Problem(PATH, 9, None, "expected a key")]


class Asked:
    """Calls, and the reading that they ask for."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.made = MadeCalls()
        self.reading: list[Callable[[Outcome], None]] = []
        self.calls = ReloadCalls(self.loop.loop, Logger(structlog.get_logger()).log, self.reading.append)

    def ask(self) -> None:
        """Somebody reloads."""
        self.calls.reload(self.made.make())

    def read(self, outcome: Outcome) -> None:
        """The configuration is read."""
        self.reading.pop(0)(outcome)


def test_good() -> None:
    """A good configuration is answered when it is in effect, with its doors and notes."""
    asked = Asked()
    with capture_logs() as log:
        asked.ask()
    assert [(one["event"], one["uid"], one["pid"]) for one in log] == [("reload-by-hand", 0, 4711)]
    asked.read(GOOD)
    assert asked.made.answers == []
    asked.calls.take_effect()
    assert asked.made.take() == ("reply", {"doors": 2, "notes": [f"{PATH}:3: odd"]})
    assert all(timer.cancelled for timer in asked.loop.timers)


def test_bad() -> None:
    """A bad configuration is answered with every problem."""
    asked = Asked()
    asked.ask()
    asked.read(BAD)
    name, found = asked.made.take()
    assert name == "ConfigRefused"
    assert found["problems"] == [{"path": one.path, "line": one.line, "text": str(one)} for one in BAD]
    asked.calls.take_effect()
    assert asked.made.answers == []


def test_not_kept() -> None:
    """That a configuration could not be kept for a start with a bad one is a note."""
    asked = Asked()
    asked.ask()
    asked.read(GOOD._replace(unkept="no room"))
    asked.calls.take_effect()
    assert asked.made.take()[1]["notes"] == [f"{PATH}:3: odd", "no room"]


def test_no_packet_process() -> None:
    """A good configuration for which no packet process could be started is not said to be in effect."""
    asked = Asked()
    asked.ask()
    asked.read(GOOD)
    asked.calls.take_effect(failed=True)
    reason = "the configuration is good, but no packet process could be started for it yet"
    assert asked.made.take() == ("Refused", {"reason": reason})
    assert all(timer.cancelled for timer in asked.loop.timers)


def test_several() -> None:
    """Each caller has the outcome of what was read for them."""
    asked = Asked()
    asked.ask()
    asked.ask()
    asked.read(BAD)
    assert asked.made.take()[0] == "ConfigRefused"
    asked.read(GOOD)
    asked.calls.take_effect()
    assert asked.made.take()[0] == "reply"


def test_somebody_elses_reload() -> None:
    """What a HUP has read takes effect without an answer to who still waits for their reading."""
    asked = Asked()
    asked.ask()
    asked.calls.take_effect()
    assert asked.made.answers == []


def test_not_in_effect_for_long() -> None:
    """After a minute who waits is told that it was read."""
    asked = Asked()
    asked.ask()
    asked.read(GOOD)
    (timer,) = asked.loop.timers
    assert timer.seconds == PATIENCE
    timer.callback()
    assert asked.made.take()[0] == "Refused"
    asked.calls.take_effect()
    assert asked.made.answers == []


def test_end_of_the_daemon() -> None:
    """Who waits when the daemon ends is told so: while it is read, and before it is in effect."""
    asked = Asked()
    asked.ask()
    asked.ask()
    asked.read(GOOD)
    asked.calls.stop("ending")
    assert asked.made.answers == [("NotNow", {"life": "ending"})] * 2
    assert all(timer.cancelled for timer in asked.loop.timers)
