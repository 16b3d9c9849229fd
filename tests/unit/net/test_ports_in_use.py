"""Which ports of this host have a socket that waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from knockd.net import ports_in_use as module
from knockd.net.ports_in_use import ports_in_use
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol

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
    assert Step(port) not in ports_in_use()
    made.listen()
    assert Step(port) in ports_in_use()
    made.close()
    assert Step(port) not in ports_in_use()


@pytest.mark.parametrize("family", LOOPBACK)
def test_an_unconnected_udp_socket(held: ExitStack, family: int) -> None:
    """A UDP socket counts while anybody may write to it, as udp; one that talks to a single peer does not."""
    made, port = bound(held, family, socket.SOCK_DGRAM)
    assert Step(port, Protocol.UDP) in ports_in_use()
    made.connect((LOOPBACK[socket.AddressFamily(family)], port))
    assert Step(port, Protocol.UDP) not in ports_in_use()


@pytest.mark.parametrize("family", LOOPBACK)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_where_the_kernel_cannot_be_asked(
    held: ExitStack, monkeypatch: pytest.MonkeyPatch, family: int, kind: int
) -> None:
    """Without sock_diag the tables of /proc hold the same ports."""
    made, port = bound(held, family, kind)
    if kind == socket.SOCK_STREAM:
        made.listen()
    asked = []

    def refuse(*request: object) -> Iterator[tuple[int, bytes]]:
        asked.append(request)
        raise OSError(2, "No such file or directory")

    protocol = Protocol.TCP if kind == socket.SOCK_STREAM else Protocol.UDP
    expected = ports_in_use()
    monkeypatch.setattr(module, "read_dump", refuse)
    found = ports_in_use()
    assert Step(port, protocol) in found
    assert expected == found
    assert 4 == len(asked)


def test_a_kernel_without_ipv6(held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is not there holds no ports; the others are read."""
    made, port = bound(held, socket.AF_INET, socket.SOCK_STREAM)
    made.listen()
    tables = (module._TABLES[0]._replace(name="no-such-table", family=200), module._TABLES[0])
    monkeypatch.setattr(module, "_TABLES", tables)
    assert Step(port) in ports_in_use()
