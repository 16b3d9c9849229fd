"""The lab's client: what it sends when it is told to, and what it says of that. It knocks at this host."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from knockd.client import network
from knockd.client.hits import Hit
from knockd.client.network import Destination, Unavailable
from knockd.client.plan import Signed
from knockd.client.signed_sender import Opened
from knockd.doctor import lab_client
from knockd.doctor.lab import CLIENT, LabError
from knockd.doctor.lab_client import run_client
from tests.support.doubles.lab_ends import LabEnds


@pytest.fixture
def ends() -> Iterator[LabEnds]:
    """The client's side, and the test's."""
    made = LabEnds()
    yield made
    made.close()


def asked_for(ends: LabEnds, **asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the client says when it is asked for one thing."""
    ends.say(**asked)
    ends.leave()
    with pytest.raises(LabError, match="has ended"):
        run_client(ends.peer)
    return ends.heard()


def knock(*ports: str, flags: int | None = None) -> Mapping[str, Any]:
    """A knock at this host."""
    how = {"ports": ports, "flags": flags, "signed": None, "delay": 0}
    return {"host": "127.0.0.1", "version": 4, **how}


def test_knock(ends: LabEnds) -> None:
    """It says of each packet that it has left, and at the end that it is done."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(10)
        port = service.getsockname()[1]
        said = asked_for(ends, knock=knock(f"{port}:udp", f"{port}:udp"))
        assert [service.recv(10), service.recv(10)] == [b"\0", b"\0"]
    assert said == [{"left": 0}, {"left": 1}, {"done": True}]


def test_signed(ends: LabEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed knock is made as knock makes it, when it is sent."""
    opened: list[tuple[str, Signed]] = []

    def open_signed(host: str, signed: Signed, _announce: object) -> Opened:
        opened.append((host, signed))
        return Opened(
            lambda where: lambda hit: network.send_made(where, hit.port, lambda _: b"made", None), ()
        )

    monkeypatch.setattr(lab_client, "open_signed", open_signed)
    signed = Signed(47_811, "/secret", "ssh")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(10)
        asked = {**knock(f"{service.getsockname()[1]}:udp"), "signed": signed}
        assert asked_for(ends, knock=asked) == [{"left": 0}, {"done": True}]
        assert service.recv(10) == b"made"
    assert opened == [("127.0.0.1", signed)]


def test_signed_by_nobody(ends: LabEnds) -> None:
    """Why no signed knock can be made is said."""
    asked = {**knock("7:udp"), "signed": Signed(7, "/nowhere", "ssh")}
    why = "knock secret /nowhere: No such file or directory"
    assert asked_for(ends, knock=asked) == [{"unavailable": why}, {"done": True}]


def test_what_cannot_be_sent(ends: LabEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says of which packet it could not send, and why, and sends the others."""

    def refuse(_: Destination, hit: Hit) -> None:
        if hit.port == 7:
            raise OSError(errno.ENETUNREACH, "x")
        if hit.port == 8:
            raise OSError("no number")

    monkeypatch.setattr(network, "send_hit", refuse)
    assert asked_for(ends, knock=knock("7", "8", "9")) == [
        {"unsent": 0, "reason": os.strerror(errno.ENETUNREACH)},
        {"unsent": 1, "reason": "no number"},
        {"left": 2},
        {"done": True},
    ]


def test_flags_that_cannot_be_sent(ends: LabEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package for raw packets nothing is sent."""

    def refuse(*_: object) -> None:
        raise Unavailable("impacket is missing", permission=False)

    monkeypatch.setattr("knockd.client.raw_socket.raw_sender", refuse)
    assert asked_for(ends, knock=knock("7", flags=1)) == [
        {"unavailable": "impacket is missing"},
        {"done": True},
    ]


def test_join(ends: LabEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives its end an address when it is told to."""
    joined: list[tuple[object, ...]] = []
    monkeypatch.setattr(lab_client, "join", lambda *given: joined.append(given))
    asked = {"mine": "192.0.2.2", "other": "192.0.2.1", "version": 4}
    assert asked_for(ends, join=asked) == [{"joined": True}]
    assert joined == [(CLIENT, "192.0.2.2", "192.0.2.1", 4)]


def test_join_that_fails(ends: LabEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that it cannot have ends nothing: another IP version may work."""

    def refuse(*_: object) -> None:
        raise LabError("'ip -6 address add' failed")

    monkeypatch.setattr(lab_client, "join", refuse)
    asked = {"mine": "2001:db8::2", "other": "2001:db8::1", "version": 6}
    assert asked_for(ends, join=asked) == [{"failed": "'ip -6 address add' failed"}]
