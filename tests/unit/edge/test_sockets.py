"""Which ports of this host have a socket that waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from knockd.edge import sockets
from knockd.edge.sockets import listening_ports
from knockd_conf.model import Protocol, Step

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Sockets that are closed after the test."""
    with ExitStack() as stack:
        yield stack


def bound(held: ExitStack, family: int, kind: int) -> tuple[socket.socket, int]:
    """A socket bound to a free port of the loopback address, and the port."""
    made = held.enter_context(socket.socket(family, kind))
    try:
        made.bind((LOOPBACK[socket.AddressFamily(family)], 0))
    except OSError as error:
        pytest.skip(f"no loopback address: {error}")
    return made, made.getsockname()[1]


@pytest.mark.parametrize("family", LOOPBACK)
def test_a_listening_tcp_socket(held: ExitStack, family: int) -> None:
    """A TCP socket counts from listen() to its end, over IPv4 and IPv6; one that is only bound does not."""
    made, port = bound(held, family, socket.SOCK_STREAM)
    assert Step(port) not in listening_ports()
    made.listen()
    assert Step(port) in listening_ports()
    made.close()
    assert Step(port) not in listening_ports()


@pytest.mark.parametrize("family", LOOPBACK)
def test_an_unconnected_udp_socket(held: ExitStack, family: int) -> None:
    """A UDP socket counts while anybody may write to it, as udp; one that talks to a single peer does not."""
    made, port = bound(held, family, socket.SOCK_DGRAM)
    assert Step(port, Protocol.UDP) in listening_ports()
    made.connect((LOOPBACK[socket.AddressFamily(family)], port))
    assert Step(port, Protocol.UDP) not in listening_ports()


def test_a_kernel_without_ipv6(held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is not there holds no ports; the others are read."""
    made, port = bound(held, socket.AF_INET, socket.SOCK_STREAM)
    made.listen()
    tables = (("no-such-table", Protocol.TCP), ("tcp", Protocol.TCP))
    monkeypatch.setattr(sockets, "_TABLES", tables)
    assert Step(port) in listening_ports()
