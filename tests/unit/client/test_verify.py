"""Whether a port answers."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from knockd.client.network import Destination
from knockd.client.verify import Answer, await_answer, await_silence, try_once

REFUSED = "connection refused: nothing listens there, or a firewall rejects"
FOUR = Destination(4, "127.0.0.1", 0, "127.0.0.1")
OTHER = Destination(4, "127.0.0.2", 0, "127.0.0.2")
CLOSED = Answer(None, "no answer")


class Time:
    """A clock that a test moves: attempts take the time they are given, pauses theirs."""

    def __init__(self, *answers: Answer, took: float | None = None) -> None:
        self.now = 100.0
        self.spans: list[float] = []
        self.pauses: list[float] = []
        self._answers = list(answers)
        self._took = took

    def attempt(self, span: float) -> Answer:
        """One attempt: takes its whole time, or what the test says."""
        self.spans.append(round(span, 3))
        self.now += span if self._took is None else self._took
        return self._answers.pop(0) if self._answers else CLOSED

    def pause(self, seconds: float) -> None:
        """Time passes."""
        self.pauses.append(round(seconds, 3))
        self.now += seconds

    def play(self, patience: float) -> Answer:
        """What comes of it."""
        return await_answer(self.attempt, patience, lambda: self.now, self.pause)


def test_attempts_grow_and_end() -> None:
    """An early attempt is given up soon, a later one after a second, and all end when the time is over."""
    time = Time()
    assert CLOSED == time.play(5.0)
    assert [0.25, 0.5, 1.0, 1.0, 1.0, 1.0, 0.25] == time.spans
    assert [] == time.pauses


def test_an_answer_ends_them() -> None:
    """The first answer is the last attempt."""
    time = Time(CLOSED, Answer(FOUR))
    assert Answer(FOUR) == time.play(5.0)
    assert [0.25, 0.5] == time.spans


def test_refusals_are_not_asked_for_without_pause() -> None:
    """A refusal comes at once: the next attempt is made an eighth of a second after the last one."""
    refused = Answer(None, "connection refused")
    time = Time(*[refused] * 99, took=0.0)
    assert refused == time.play(0.5)
    assert [0.125] * 4 == time.pauses


def play_silence(time: Time, patience: float) -> Answer:
    """What comes of waiting until nobody answers."""
    return await_silence(time.attempt, patience, lambda: time.now, time.pause)


def test_silence() -> None:
    """Two attempts in a row that nobody answers end it; one alone may have been lost."""
    time = Time(Answer(FOUR), CLOSED, Answer(FOUR), CLOSED, CLOSED, Answer(FOUR))
    assert CLOSED == play_silence(time, 5.0)
    assert [0.5] * 5 == time.spans


def test_no_silence() -> None:
    """A port that answers on and on is asked until the time is over, with pauses."""
    time = Time(*[Answer(FOUR)] * 99, took=0.0)
    assert Answer(FOUR) == play_silence(time, 0.3)
    assert [0.3, 0.175, 0.05] == time.spans
    assert [0.125, 0.125, 0.05] == time.pauses


@pytest.fixture
def listening() -> Iterator[int]:
    """A TCP port of 127.0.0.1 that answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_port_that_answers(listening: int) -> None:
    """The answer names the address that gave it, whichever of them it was."""
    assert Answer(FOUR) == try_once([FOUR], listening, 5.0)
    assert Answer(FOUR) == try_once([OTHER, FOUR], listening, 5.0)


def test_a_port_that_refuses() -> None:
    """Nobody listens: the attempt ends before its time, and says so."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert Answer(None, REFUSED) == try_once([FOUR], sock.getsockname()[1], 60.0)


def test_a_failure_that_is_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where connecting is under way, the socket says how it ended, also among the exceptional ones."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        connect = socket.socket.connect_ex

        def windows(self: socket.socket, address: object) -> int:
            connect(self, address)  # type: ignore[arg-type]
            return 10035

        monkeypatch.setattr(socket.socket, "connect_ex", windows)
        monkeypatch.setattr("knockd.client.verify.select", lambda _r, _w, failed, _t: ([], [], failed))
        monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: 10061)
        assert Answer(None, REFUSED) == try_once([FOUR], port, 60.0)


def test_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of an address that cannot be reached is what was seen."""
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.ENETUNREACH)
    assert Answer(None, os.strerror(errno.ENETUNREACH)) == try_once([FOUR], 1, 60.0)


def test_a_system_without_ipv6(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of a family that sockets cannot have does not keep the other from answering."""
    real = socket.socket

    def lacking(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", lacking)
    six = Destination(6, "::1", 0, "::1")
    assert Answer(FOUR) == try_once([six, FOUR], listening, 5.0)
    assert Answer(None, "Address family not supported by protocol") == try_once([six], listening, 5.0)
