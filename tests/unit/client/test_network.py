"""Names to addresses, and what to tell the user. No packet is sent here."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from knockd.client.hits import Hit
from knockd.client.network import (
    Destination,
    UnknownHost,
    advice,
    error_text,
    is_own,
    resolve_both,
    resolve_host,
    send_hit,
    send_made,
    service_port,
)
from knockd_conf.protocol import Protocol

V4 = Destination(4, "192.0.2.1", 0, "192.0.2.1")
V6 = Destination(6, "2001:db8::1", 0, "2001:db8::1")


@pytest.mark.parametrize(
    ("host", "version", "destination"),
    [
        ("192.0.2.1", None, V4),
        ("192.0.2.1", 4, V4),
        ("2001:db8::1", None, V6),
        ("2001:DB8:0::1", 6, V6),
        ("127.1", None, Destination(4, "127.0.0.1", 0, "127.0.0.1")),
    ],
)
def test_an_address_is_its_own_destination(host: str, version: int | None, destination: Destination) -> None:
    """A numeric address needs no name service and is shown in its usual form."""
    assert destination == resolve_host(host, version)


def test_a_scoped_address_keeps_its_interface() -> None:
    """The interface of a link-local address is shown by name and used by number."""
    assert Destination(6, "fe80::1", 1, "fe80::1%lo") == resolve_host("fe80::1%lo", None)


@pytest.mark.parametrize(
    ("host", "version", "end"),
    [
        ("::1", 4, "; expected a name or address of IPv4; leave -4 out to use any"),
        ("192.0.2.1", 6, "; expected a name or address of IPv6; leave -6 out to use any"),
        ("", None, "; expected a name that resolves or an IPv4 or IPv6 address"),
    ],
)
def test_a_host_without_an_address_says_what_to_give(host: str, version: int | None, end: str) -> None:
    """The message names the host, the system's reason and what is expected."""
    with pytest.raises(UnknownHost) as caught:
        resolve_host(host, version)
    text = str(caught.value)
    assert (f"host {host!r}: ", end) == (text[: len(f"host {host!r}: ")], text[-len(end) :])


def test_the_first_address_of_the_system_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both families, the order of getaddrinfo (RFC 6724) decides, as in 0.8."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert [resolve_host("both.example", None), resolve_host("both.example", 6)] == [V6, V6]


@pytest.mark.parametrize("host", ["x" * 70 + "ü", "\udce4", "a..ü"])
def test_a_name_that_cannot_be_written_in_dns_is_unknown(host: str) -> None:
    """A label too long, an empty one or stray bytes are an unknown host, not a crash."""
    with pytest.raises(UnknownHost, match="not a valid name"):
        resolve_host(host, None)


def test_brackets_are_told_apart_from_a_bad_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in brackets gets the address to write instead."""

    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UnknownHost) as caught:
        resolve_host("[2001:db8::1]", None)
    expected = (
        "host '[2001:db8::1]': Name or service not known; write the address without brackets: 2001:db8::1"
    )
    assert expected == str(caught.value)


def test_socket_addresses_have_the_form_of_their_family() -> None:
    """Two parts for IPv4, four with the interface for IPv6."""
    scoped = Destination(6, "fe80::1", 3, "fe80::1%eth1")
    assert [V4.sockaddr(7), scoped.sockaddr(7)] == [("192.0.2.1", 7), ("fe80::1", 7, 0, 3)]


@pytest.mark.parametrize("name", ["no-such-service", "sshü", "\udce4", ""])
def test_an_unknown_service_has_no_port(name: str) -> None:
    """A name that is not listed, or cannot be, is None."""
    assert service_port(name, "tcp") is None


LINK_LOCAL = Destination(6, "fe80::1", 0, "fe80::1")


@pytest.mark.parametrize(
    ("number", "destination", "expected"),
    [
        (errno.ENETUNREACH, V4, "there is no route to it, see: ip route get 192.0.2.1"),
        (errno.EHOSTUNREACH, V6, "there is no route to it, see: ip route get 2001:db8::1"),
        (errno.EPERM, V4, "a rule of this machine's own firewall or routing forbids it"),
        (errno.EACCES, V4, "a rule of this machine's own firewall or routing forbids it"),
        (10013, V4, "a rule of this machine's own firewall or routing forbids it"),
        (errno.EINVAL, LINK_LOCAL, "a link-local address needs its interface, as in fe80::1%eth0"),
        (errno.EINVAL, V4, ""),
    ],
)
def test_a_failure_comes_with_advice(number: int, destination: Destination, expected: str) -> None:
    """What the user can do depends on the error and the address."""
    assert expected == advice(OSError(number, "reason"), destination)


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("darwin", "route -n get 192.0.2.1"),
        ("win32", "route print"),
        ("freebsd14", "netstat -rn"),
    ],
)
@pytest.mark.parametrize("number", [errno.ENETUNREACH, 10051, 10065])
def test_the_command_that_shows_a_route(
    platform: str, command: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice is of the system that the client runs on, for its own error numbers too."""
    monkeypatch.setattr(sys, "platform", platform)
    assert f"there is no route to it, see: {command}" == advice(OSError(number, "reason"), V4)


def test_one_address_of_each_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """With several addresses, the first of each IP version counts, in the system's order."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::2", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert (V6, V4) == resolve_both("both.example", None)


@pytest.mark.parametrize(
    ("address", "own"), [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("192.0.2.1", False)]
)
def test_own_addresses(address: str, own: bool) -> None:
    """An address of this machine is told from another's."""
    assert own == is_own(resolve_host(address, None))


def test_an_address_without_a_route_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be reached is another machine's."""

    def fail(_self: socket.socket, _address: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", fail)
    assert not is_own(resolve_host("127.0.0.1", None))


@pytest.mark.parametrize("result", [0, errno.EINPROGRESS, errno.ECONNREFUSED, 10035, 10061])
def test_results_of_a_packet_that_has_left(result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connected, under way or refused, in the numbers of this system and of Windows: a SYN has left."""
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: result)
    send_hit(V4, Hit("1", 1, Protocol.TCP))


@pytest.mark.parametrize("result", [errno.ENETUNREACH, errno.EPERM, errno.EAGAIN, 10065])
def test_results_of_a_packet_that_has_not_left(result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other result is a failure, with its number."""
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: result)
    with pytest.raises(OSError, match=r".") as caught:
        send_hit(V4, Hit("1", 1, Protocol.TCP))
    assert result == caught.value.errno


@pytest.fixture
def heard() -> Iterator[socket.socket]:
    """A UDP socket that hears datagrams of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize(
    ("source", "leaves"),
    [(None, "127.0.0.1"), ("127.0.0.5", "127.0.0.5"), ("192.0.2.77", "127.0.0.1")],
)
def test_a_datagram_for_its_own_address(heard: socket.socket, source: str | None, leaves: str) -> None:
    """It is made for the address that it leaves from: one of ours that was asked for, else the route's."""
    made: list[str] = []

    def make(own: str) -> bytes:
        made.append(own)
        return b"packet"

    port = heard.getsockname()[1]
    send_made(Destination(4, "127.0.0.1", 0, "127.0.0.1"), port, make, source)
    data, (address, _) = heard.recvfrom(100)
    assert (b"packet", leaves, [leaves]) == (data, address, made)


def test_a_datagram_that_cannot_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps it back is an error: another one at the address, too, than that it is not ours."""

    def forbid(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbid)
    with pytest.raises(PermissionError):
        send_made(V4, 1, lambda _: b"", "127.0.0.5")


def test_errors_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows' own numbers have the words that Python knows for them there, others the system's."""
    monkeypatch.setattr(socket, "errorTab", {10065: "The host is unreachable."}, raising=False)
    assert "The host is unreachable." == error_text(10065)
    assert os.strerror(errno.ENETUNREACH) == error_text(errno.ENETUNREACH)
