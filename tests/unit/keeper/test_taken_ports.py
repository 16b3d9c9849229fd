"""When sockets and forwarded ports are looked at again, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from knockd.keeper import taken_ports
from knockd.keeper.config_process import ConfigProcess, Send
from knockd.keeper.taken_ports import LOOKS, PAUSE_FORWARDED, PAUSE_SHARE, TakenPorts, start_reading_forwarded
from knockd.knocks.taken import Taken
from knockd.net.forwarded_ports import Forwarded
from knockd.process.fork import fork_child
from knockd_conf.model import Step
from tests.support.doubles.driven_loop import DrivenLoop
from tests.support.doubles.manual_loop import ManualLoop

TCP = 6 << 16
NAMED = Taken(frozenset({8001}))


class Looks:
    """A loop on which time stands still, sockets that a test opens, and what was told."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.sockets: frozenset[Step] | OSError = frozenset()
        self.looked = self.asked = self.changes = 0
        self.said: list[tuple[str, str]] = []
        self.ports = TakenPorts(self.loop.loop, self._log, NAMED, look=self._look, start=self._start)
        self.ports.changed = self._changed

    def _look(self) -> frozenset[Step]:
        self.looked += 1
        if isinstance(self.sockets, OSError):
            raise self.sockets
        return self.sockets

    def _start(self) -> ConfigProcess | None:
        self.asked += 1
        return None

    def _changed(self) -> None:
        self.changes += 1

    def _log(self, event: str, **fields: Any) -> None:
        self.said.append((event, fields["reason"]))


@pytest.fixture
def looks() -> Looks:
    """Nobody has come yet."""
    return Looks()


def test_new_socket(looks: Looks) -> None:
    """What a look finds counts besides what commands name, and is told at once."""
    looks.sockets = frozenset({Step(8080)})
    looks.ports.touched(guard=True)
    assert NAMED._replace(in_use=frozenset({TCP | 8080})) == looks.ports.now
    assert 1 == looks.changes


def test_nothing_new(looks: Looks) -> None:
    """A look that finds the same is not told."""
    looks.ports.touched(guard=True)
    assert 1 == looks.looked
    assert 0 == looks.changes


def test_flood(looks: Looks) -> None:
    """However many come, there are a few looks at once and one a second, the last of them after the last."""
    for _ in range(10_000):
        looks.ports.touched(guard=True)
    assert LOOKS == looks.looked
    for second in range(1, 4):
        looks.loop.now += 1.0
        looks.loop.fire()
        assert LOOKS + second == looks.looked
        for _ in range(1_000):
            looks.ports.touched(guard=False)
    looks.sockets = frozenset({Step(8080)})
    looks.loop.now += 1.0
    looks.loop.fire()
    assert 1 == looks.changes


def test_nobody_comes(looks: Looks) -> None:
    """No timer runs while nobody comes."""
    looks.ports.touched(guard=True)
    assert [] == looks.loop.waiting


def test_no_descriptor(looks: Looks) -> None:
    """Where sockets cannot be looked at what was in use before counts."""
    looks.sockets = frozenset({Step(8080)})
    looks.ports.look()
    before = looks.ports.now
    looks.sockets = OSError(24, "Too many open files")
    looks.ports.touched(guard=True)
    assert before == looks.ports.now
    assert 0 == looks.changes


def test_forwarded_ports_cost_more(looks: Looks) -> None:
    """They are asked for when a guard was touched, every ten seconds at most."""
    looks.ports.touched(guard=False)
    assert 0 == looks.asked
    for _ in range(3):
        looks.ports.touched(guard=True)
    assert 1 == looks.asked
    looks.loop.now += PAUSE_FORWARDED
    looks.ports.touched(guard=True)
    assert 2 == looks.asked


def test_another_configuration(looks: Looks) -> None:
    """What its child has found counts, with the sockets of now."""
    looks.sockets = frozenset({Step(8080)})
    forwarded = ((TCP | 80, TCP | 80),)
    looks.ports.adopt(Taken(frozenset({9}), frozenset({TCP | 1}), forwarded))
    assert Taken(frozenset({9}), frozenset({TCP | 8080}), forwarded) == looks.ports.now
    assert 0 == looks.changes


def test_end(looks: Looks) -> None:
    """At the end no timer is left."""
    for _ in range(LOOKS + 1):
        looks.ports.touched(guard=True)
    looks.ports.stop()
    assert [] == looks.loop.waiting


class Asked:
    """Children on a loop of their own, which send what a test says."""

    def __init__(self) -> None:
        self.loop = DrivenLoop()
        self.answer: Callable[[], object] = Forwarded
        self.said: list[str] = []
        self.changes = 0
        self.ports = TakenPorts(self.loop, self._log, NAMED, look=frozenset, start=self._start)
        self.ports.changed = self._changed

    def ask(self) -> Taken:
        """A guard is touched; what is taken when the child has ended."""
        self.ports._asked -= self.ports._pause
        self.ports.touched(guard=True)
        self.wait()
        return self.ports.now

    def wait(self) -> None:
        """Waits until the child has ended and is collected."""
        self.loop.until(self._ended)

    def _ended(self) -> bool:
        self.ports.reap()
        return self.ports._child is None and not self.ports._ended

    def _start(self) -> ConfigProcess:
        def work(send: Send) -> int:
            send(self.answer())
            return 0

        return ConfigProcess(fork_child, work)

    def _log(self, event: str, **fields: Any) -> None:
        self.said.append(f"{event}: {fields['reason']}")

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def asked() -> Iterator[Asked]:
    """Nobody was asked yet."""
    made = Asked()
    yield made
    made.ports.stop()
    made.loop.close()


WEB = ((TCP | 80, TCP | 80),)


def test_forwarded(asked: Asked) -> None:
    """What the child finds counts, and is told when it is new."""
    asked.answer = lambda: Forwarded(WEB)
    assert NAMED._replace(forwarded=WEB) == asked.ask()
    assert 1 == asked.changes
    asked.ask()
    assert 1 == asked.changes


def test_unsure(asked: Asked) -> None:
    """Why nothing could be read is told once, and what was known before counts on."""
    asked.answer = lambda: Forwarded(WEB)
    asked.ask()
    asked.answer = lambda: Forwarded((), ("forwarded ports cannot be read (nft: no)",))
    for _ in range(2):
        assert WEB == asked.ask().forwarded
    assert ["guards-unsure: forwarded ports cannot be read (nft: no)"] == asked.said


def test_long_look(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a look takes long the next one is later: a fiftieth of the time at most goes into it."""
    ahead = [0.0]
    monkeypatch.setattr(asked.loop, "time", partial(_time_ahead, asked.loop.time, ahead))
    asked.ports.touched(guard=True)
    ahead[0] += 3.0
    asked.wait()
    assert 3 * PAUSE_SHARE <= asked.ports._pause < 4 * PAUSE_SHARE
    ahead[0] += 2 * PAUSE_FORWARDED
    asked.ports.touched(guard=True)
    assert asked.ports._child is None
    ahead[0] += 4 * PAUSE_SHARE
    asked.ports.touched(guard=True)
    assert asked.ports._child is not None
    asked.wait()
    assert PAUSE_FORWARDED <= asked.ports._pause < 3 * PAUSE_SHARE  # the machine may be busy


def _time_ahead(time: Callable[[], float], ahead: list[float]) -> float:
    return time() + ahead[0]


def test_child_that_ends_early(asked: Asked) -> None:
    """A child that sends nothing changes nothing, and is not told of: the next touch asks again."""

    def fail() -> object:
        raise SystemExit(3)

    asked.answer = lambda: Forwarded(WEB)
    asked.ask()
    asked.answer = fail
    assert WEB == asked.ask().forwarded
    assert [] == asked.said


def test_end_while_a_child_reads(asked: Asked) -> None:
    """At the end a child that has not answered is ended."""

    def wait() -> object:
        import signal

        signal.pause()
        return Forwarded()

    asked.answer = wait
    asked.ports.touched(guard=True)
    asked.ports.stop()
    asked.wait()
    assert asked.ports._ended == []


@pytest.mark.parametrize("there", [True, False])
def test_programs(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    """No child is started where no program could say anything."""
    monkeypatch.setattr(taken_ports, "has_programs", lambda: there)
    monkeypatch.setattr(taken_ports, "read_forwarded_ports", lambda: Forwarded(WEB))
    child = start_reading_forwarded()
    assert there == (child is not None)
    if child is not None:
        assert Forwarded(WEB) == child.receive()
        assert 0 == child.wait()
