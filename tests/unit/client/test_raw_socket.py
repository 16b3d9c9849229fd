"""Hits with chosen flags through a raw socket that only notes what is sent."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable

import pytest

from knockd.client import raw_socket
from knockd.client.hits import Hit
from knockd.client.network import Destination, own_address
from knockd.client.raw import Segment
from knockd.client.raw_socket import FIRST_SOURCE_PORT, SOURCE_PORTS, raw_sender
from knockd_conf.protocol import Protocol

FOUR = Destination(4, "192.0.2.1", 0, "192.0.2.1")
SIX = Destination(6, "fe80::1", 3, "fe80::1%eth0")


class Raw:
    """Stands for socket.socket: the raw one notes what it sends, the other knows our address."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int, int]] = []
        self.sent: list[tuple[object, object]] = []
        self.connected: list[object] = []
        self.closed = 0

    def __call__(self, family: int, kind: int, protocol: int = 0) -> Raw:
        """A socket is made."""
        self.made.append((family, kind, protocol))
        return self

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def connect(self, address: object) -> None:
        """The route is looked up."""
        self.connected.append(address)

    def getsockname(self) -> tuple[str, int]:
        """The address of ours, for IPv6 with its zone."""
        return ("fe80::2%eth0" if self.connected[-1] == SIX.sockaddr(9) else "192.0.2.2", 1)

    def sendto(self, packet: object, address: object) -> None:
        """A packet is sent."""
        self.sent.append((packet, address))


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Raw:
    """Sockets are made of notes, packets are their segments."""
    found = Raw()
    monkeypatch.setattr(socket, "socket", found)
    monkeypatch.setattr(raw_socket, "builder", lambda: lambda segment: segment)
    return found


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Says what the next random numbers are: below a bound, and of some bits."""

    def draw(below: int, bits: int) -> None:
        monkeypatch.setattr(secrets, "randbelow", lambda bound: min(below, bound - 1))
        monkeypatch.setattr(secrets, "randbits", lambda width: bits & ((1 << width) - 1))

    return draw


@pytest.mark.parametrize(
    ("destination", "ours"), [(FOUR, "192.0.2.2"), (SIX, "fe80::2")], ids=["ipv4", "ipv6"]
)
def test_a_hit(raw: Raw, drawn: Callable[[int, int], None], destination: Destination, ours: str) -> None:
    """A hit is one segment with the flags that were asked for, from our address to its port."""
    drawn(0, 7)
    with raw_sender(destination, 0x29) as send:
        send(Hit("http", 80, Protocol.TCP))
    segment = Segment(ours, destination.address, FIRST_SOURCE_PORT, 80, 0x29, 7)
    assert [(segment, destination.sockaddr(0))] == raw.sent


def test_the_socket(raw: Raw) -> None:
    """It is a raw one whose IP header is ours, of the destination's family, and closed at the end."""
    with raw_sender(SIX, 0x02):
        assert [(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)] == raw.made
        assert 0 == raw.closed
    assert 1 == raw.closed


def test_random_numbers(raw: Raw, drawn: Callable[[int, int], None]) -> None:
    """The highest source port is 60999, and a sequence number has 32 bits."""
    drawn(SOURCE_PORTS, 2**40 - 1)
    with raw_sender(FOUR, 0x02) as send:
        send(Hit("80", 80, Protocol.TCP))
    (segment, _), *_ = raw.sent
    assert isinstance(segment, Segment)
    assert 60_999 == segment.source_port
    assert 2**32 - 1 == segment.sequence


def test_each_hit_draws_again(raw: Raw) -> None:
    """Source port and sequence number are not those of the hit before."""
    with raw_sender(FOUR, 0x02) as send:
        for _ in range(20):
            send(Hit("80", 80, Protocol.TCP))
    assert len({packet for packet, _ in raw.sent}) > 10


def test_own_address(raw: Raw) -> None:
    """Our address is that of the route, without its zone; nothing is sent to find it."""
    assert "fe80::2" == own_address(SIX)
    assert [SIX.sockaddr(9)] == raw.connected
    assert [] == raw.sent
    assert 1 == raw.closed


def test_no_route(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a route the hit raises and the raw socket is not used."""

    def refuse(_: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(raw, "connect", refuse)
    with raw_sender(FOUR, 0x02) as send, pytest.raises(OSError, match="unreachable"):
        send(Hit("80", 80, Protocol.TCP))
    assert [] == raw.sent
