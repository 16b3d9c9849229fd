"""Tracked connections, read from what the kernel says of them."""

from __future__ import annotations

import sys
from ipaddress import ip_address

import pytest

from knockd.net.conntrack_messages import Connection, find_source, pack_attribute, pack_key, parse_connection
from knockd_conf.protocol import Protocol
from knockd_conf.services import parse_services
from tests.support.samples.connections import (
    FROM_A_KERNEL,
    INNER,
    KNOCKER,
    SEEN_REPLY,
    connection,
)


def read(payload: bytes) -> Connection:
    """The connection of a message that has one."""
    found = parse_connection(payload)
    assert found is not None
    return found


@pytest.mark.skipif(sys.byteorder == "big", reason="the message was recorded on a little-endian machine")
def test_what_a_kernel_says() -> None:
    """All that counts is found in a message of a real kernel."""
    found = read(FROM_A_KERNEL)
    ends = ip_address("10.7.0.2").packed, ip_address("10.0.0.1").packed
    assert Connection(ends[0], 6, 22, 22, True, pack_key(*ends, 6, (4000, 22))) == found
    assert ends[0] == find_source(FROM_A_KERNEL)


@pytest.mark.parametrize("source", [KNOCKER, "2001:db8::7"])
@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_source(source: str, protocol: Protocol) -> None:
    """The source is found with and without reading the rest, of both IP versions and protocols."""
    destination = "192.0.2.1" if ":" not in source else "2001:db8::1"
    payload = connection(source, destination, protocol=protocol)
    assert ip_address(source).packed == read(payload).source
    assert ip_address(source).packed == find_source(payload)


def test_the_source_in_an_unusual_place() -> None:
    """Where another attribute comes first the source is found all the same."""
    payload = connection()
    moved = payload[:4] + pack_attribute(8, b"mark") + payload[4:]
    assert read(payload) == read(moved)
    assert ip_address(KNOCKER).packed == find_source(moved)


@pytest.mark.parametrize(
    ("state", "expected"),
    [(0, False), (1, False), (2, False), (3, True), (4, True), (5, True), (6, True), (7, False), (8, False)],
    ids=[
        "NONE",
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "TIME_WAIT",
        "CLOSE",
    ],
)
def test_states_of_tcp(state: int, expected: bool) -> None:
    """It counts from its third packet, which a stranger cannot forge, until both sides have ended it."""
    assert expected is read(connection(state=state)).in_use


@pytest.mark.parametrize(("status", "expected"), [(0, False), (SEEN_REPLY, True), (0x8, False), (0xE, True)])
def test_udp_counts_when_it_is_answered(status: int, expected: bool) -> None:
    """A datagram that nobody answers is no connection, for its source may be forged."""
    assert expected is read(connection(protocol=Protocol.UDP, status=status)).in_use


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ("22/tcp", True),
        ("22/udp", False),
        ("23/tcp,20-22/tcp", True),
        ("2222/tcp", True),
        ("23-2221/tcp,2223/tcp", False),
    ],
)
def test_services(services: str, expected: bool) -> None:
    """The port counts as the client sees it, or as the host behind DNAT does."""
    found = read(connection(port=22, inner=INNER, inner_port=2222))
    assert expected is found.goes_to(parse_services(services))


@pytest.mark.parametrize("protocol", [1, 47, 132])
def test_other_protocols(protocol: int) -> None:
    """Only TCP and UDP have ports that a service is at."""
    assert parse_connection(connection(protocol=protocol)) is None


def test_a_zone_is_part_of_the_key() -> None:
    """A connection of a zone is found again only in its zone."""
    zone = pack_attribute(18, b"\0\7")
    assert read(connection()).key + zone == read(connection() + zone).key


@pytest.mark.parametrize("size", range(len(FROM_A_KERNEL) - 40))
def test_cut(size: int) -> None:
    """A message that ends too early raises nothing, and has no connection that is in use."""
    found = parse_connection(FROM_A_KERNEL[:size])
    assert found is None or not found.in_use or size > 140
    assert isinstance(find_source(FROM_A_KERNEL[:size]), bytes)


def test_no_source() -> None:
    """A connection of nobody is none; what comes twice counts the first time."""
    payload = connection()
    address = pack_attribute(1, ip_address(KNOCKER).packed)
    at = payload.index(address)
    assert parse_connection(payload[:at] + pack_attribute(9, bytes(4)) + payload[at + len(address) :]) is None
    assert read(payload) == read(payload + connection("198.51.100.1")[4:])


def test_an_address_that_comes_twice() -> None:
    """The short way and the long way take the same one of two sources in one tuple."""
    payload = connection()
    source = pack_attribute(1, ip_address(KNOCKER).packed)
    other = pack_attribute(1, ip_address("198.51.100.1").packed)
    at = payload.index(source) + len(source)
    twice = payload[:at] + other + payload[at + len(other) :]
    assert ip_address(KNOCKER).packed == read(twice).source == find_source(twice)


def test_answers_of_another_protocol() -> None:
    """Both directions have the same protocol, or it is no connection."""
    payload = connection()
    at = payload.rindex(pack_attribute(1, b"\6"))
    assert parse_connection(payload[:at] + pack_attribute(1, b"\x11") + payload[at + 8 :]) is None
