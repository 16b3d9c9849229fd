"""Whether our own packet is seen: which is sent, and what is said of the lab, a double of which does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from knockd.doctor import own_packet
from knockd.doctor.knock_plan import Way
from knockd.doctor.knock_walk import Knocked, Outcome
from knockd.doctor.lab import Peer
from knockd.doctor.own_packet import Seen, see_own_packet
from knockd.worker.capture import CaptureError
from knockd_conf.model import Config, Door, FlagRule, Options
from tests.support.doubles.lab_ends import LabEnds
from tests.support.doubles.played import door, watched

DOOR = door("7 8", "ssh")
FIN = replace(door("9", "fin"), flags=FlagRule(1, 0))


class Lab:
    """Runs the work in this process; a test says what comes of the knock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outcome: Outcome | Exception = Outcome(passed=1)
        self.ways: list[Way] = []
        self.problem = ""
        monkeypatch.setattr(own_packet, "run_in_lab", self._run)
        monkeypatch.setattr(own_packet, "walk", self._walk)

    def _run(
        self, work: Callable[[Peer], int], _: object, complain: Callable[[str], None], keep: Iterable[int]
    ) -> int:
        assert len(list(keep)) == 1
        if isinstance(self.outcome, OSError):
            raise self.outcome
        if self.problem:
            complain(self.problem)
            return 69
        ends = LabEnds()
        try:
            return work(ends.peer)
        finally:
            ends.close()

    def _walk(self, _peer: Peer, way: Way, _at: Knocked, _delay: int, _tell: object) -> Outcome:
        self.ways.append(way)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def look(self, *doors: Door) -> Seen:
        """What is seen with these doors."""
        return see_own_packet(Config("/f", Options(), doors, "host", ("/f",)), watched(*doors), ipv6=True)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab in which all is well."""
    return Lab(monkeypatch)


def test_seen(lab: Lab) -> None:
    """The first packet of the first door that ordinary clients can knock at is sent, by IPv4."""
    assert lab.look(FIN, DOOR) == Seen(True)
    assert [way.command for way in lab.ways] == ["knock 192.0.2.1 7:tcp"]


def test_not_seen(lab: Lab) -> None:
    """Where the filter lets nothing through, the advice is the reason."""
    lab.outcome = Outcome(None, "Nothing of 192.0.2.2 arrived")
    assert lab.look(DOOR) == Seen(False, "Nothing of 192.0.2.2 arrived")


def test_no_filter(lab: Lab) -> None:
    """A filter that cannot be attached sees nothing."""
    lab.outcome = CaptureError("knock0: no right to capture")
    assert lab.look(DOOR) == Seen(False, "knock0: no right to capture")


def test_no_lab(lab: Lab) -> None:
    """Where there can be no lab nothing is known."""
    lab.problem = "there is no program ip here"
    assert lab.look(DOOR) == Seen(None, "there is no program ip here")


def test_no_process(lab: Lab) -> None:
    """Where no process is to be had nothing is known."""
    lab.outcome = OSError(11, "Resource temporarily unavailable")
    assert lab.look(DOOR) == Seen(None, "no process is to be had: Resource temporarily unavailable")


def test_a_process_that_says_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was killed has seen nothing."""
    monkeypatch.setattr(own_packet, "run_in_lab", lambda *_: -9)
    assert lab.look(DOOR) == Seen(None, "the process that looked has ended early")


def test_no_door(lab: Lab) -> None:
    """Doors that ordinary clients cannot knock at are not tried."""
    assert lab.look(FIN) == Seen(None, "no door has a sequence that ordinary clients knock")
