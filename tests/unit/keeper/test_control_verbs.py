"""The calls that change something: who answers them, and that none is answered before or after its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog

from knockd.control.idl import read_interface
from knockd.control.interface import DESCRIPTION
from knockd.keeper.config_process import Outcome
from knockd.keeper.control_verbs import ControlVerbs
from knockd.keeper.life import Life
from knockd.log.logger import Logger
from tests.support.doubles.lease_manager import DOOR, PlayedManager
from tests.support.doubles.made_calls import MadeCalls

ALICE = "192.0.2.1"
CHANGING = ("Open", "Close", "Extend", "Forget", "Reload")


class Daemon:
    """A daemon's verbs, at a lease manager whose commands a test ends."""

    def __init__(self) -> None:
        self.life = Life.UP
        self.played = PlayedManager()
        self.made = MadeCalls()
        self.readings: list[Callable[[Outcome], None]] = []
        self.verbs = ControlVerbs(
            self.played.loop.loop,
            Logger(structlog.get_logger()).log,
            self.played.manager,
            life=lambda: self.life,
            doors=lambda: (DOOR,),
            shut=lambda _: None,
            places=lambda: {"eth0": [bytes([10, 0, 0, 1])]},
            own=0,
            request_reload=self.readings.append,
        )
        self.played.manager.changed = self.verbs.note_change

    def call(self, method: str, **parameters: Any) -> None:
        """Somebody calls."""
        self.verbs.methods[method](self.made.make(**parameters))
        self.played.loop.turn()


def test_names() -> None:
    """Every method is one of the interface."""
    known = read_interface(DESCRIPTION).methods
    assert set(Daemon().verbs.methods) == {*CHANGING, "Test"}
    assert set(Daemon().verbs.methods) <= set(known)


def test_open_and_close() -> None:
    """A door that was opened by hand is closed by hand."""
    daemon = Daemon()
    daemon.call("Open", door="ssh", address=ALICE)
    daemon.played.end()
    assert daemon.made.take()[0] == "reply"
    daemon.call("Extend", door="ssh", address=ALICE, seconds=5.0)
    assert daemon.made.take()[0] == "reply"
    daemon.call("Close", door="ssh")
    daemon.played.end()
    daemon.played.fire(0.05)
    assert daemon.made.take()[1]["closed_total"] == 1


def test_what_is_refused() -> None:
    """What cannot be done is answered with an error of the interface."""
    daemon = Daemon()
    daemon.call("Open", door="mail", address=ALICE)
    assert daemon.made.take() == ("NoSuchDoor", {"door": "mail", "doors": ["ssh"]})
    daemon.call("Test", door="ssh", address="here")
    assert daemon.made.take()[0] == "BadValue"
    daemon.call("Forget", lease="a1b2.1")
    assert daemon.made.take() == ("NoSuchLease", {"asked": "a1b2.1"})


@pytest.mark.parametrize("life", [Life.STARTING, Life.ENDING])
@pytest.mark.parametrize("method", CHANGING)
def test_not_now(method: str, life: Life) -> None:
    """While the daemon starts or ends nothing is changed."""
    daemon = Daemon()
    daemon.life = life
    daemon.call(method, door="ssh", address=ALICE, seconds=1.0, lease="x")
    assert daemon.made.take() == ("NotNow", {"life": life.value})
    assert daemon.readings == []


def test_a_preview_at_any_time() -> None:
    """What an opening would run can be asked at any time, also while a configuration is read."""
    daemon = Daemon()
    for life in Life:
        daemon.life = life
        daemon.call("Test", door="ssh", address=ALICE)
        assert daemon.made.take()[0] == "reply"


def test_end_of_the_daemon() -> None:
    """Everybody who waits is told."""
    daemon = Daemon()
    daemon.call("Open", door="ssh", address=ALICE)
    daemon.call("Close", all=True)
    daemon.call("Reload")
    daemon.verbs.stop()
    assert daemon.made.answers == [("NotNow", {"life": "ending"})] * 3


def test_reload() -> None:
    """A reload is answered when what was read is in effect."""
    daemon = Daemon()
    daemon.call("Reload")
    (read,) = daemon.readings
    read([])
    assert daemon.made.take() == ("ConfigRefused", {"problems": []})
    daemon.verbs.take_effect()
    assert daemon.made.answers == []
