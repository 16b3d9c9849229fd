"""Packets of --flags, read back with struct by the rules of RFC 791, 8200 and 9293."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.client.network import Destination, Unavailable
from knockd.client.raw import Segment, builder
from knockd.client.raw_socket import raw_sender
from tests.support.samples.frames import checksum

PAIRS = [
    ("192.0.2.1", "198.51.100.7"),
    ("2001:db8::1", "2001:db8:0:1::"),
    ("::1", "::1"),
    ("fe80::1", "fe80::aaaa:0:0:1"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
]
PORTS = st.integers(0, 65_535)
SEGMENTS = st.builds(
    lambda pair, **rest: Segment(*pair, **rest),
    st.sampled_from(PAIRS),
    source_port=PORTS,
    port=PORTS,
    flags=st.integers(0, 0x3F),
    sequence=st.integers(0, 2**32 - 1),
)


def split(packet: bytes) -> tuple[bytes, bytes]:
    """A packet as IP header and the rest."""
    length = 20 if packet[0] >> 4 == 4 else 40
    return packet[:length], packet[length:]


@given(SEGMENTS)
def test_the_tcp_header_has_what_was_asked_for(segment: Segment) -> None:
    """Ports, sequence number and exactly the flags; no acknowledgement, options or data."""
    _, tcp = split(builder()(segment))
    expected = (segment.source_port, segment.port, segment.sequence, 0, 0x50, segment.flags, 64_240)
    assert (*expected, 20) == (*struct.unpack_from("!HHIIBBH", tcp), len(tcp))


@given(SEGMENTS)
def test_the_tcp_checksum_is_right(segment: Segment) -> None:
    """Summed up with the pseudo header, header and checksum give 0 (RFC 9293, 3.1 and RFC 8200, 8.1)."""
    _, tcp = split(builder()(segment))
    source, destination = ip_address(segment.source).packed, ip_address(segment.destination).packed
    assert checksum(source + destination + struct.pack("!II", len(tcp), 6) + tcp) == 0


def test_the_ipv4_header_is_whole() -> None:
    """Version, length, time to live, protocol, addresses and a header checksum that is right."""
    header, _ = split(builder()(Segment("192.0.2.1", "198.51.100.7", 40_000, 7000, 0x02, 1)))
    expected = (0x45, 0, 40, 0, 0x4000, 64, 6, bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7]))
    assert expected == struct.unpack("!BBHHHBBxx4s4s", header)
    assert checksum(header) == 0


def test_the_ipv6_header_is_whole() -> None:
    """Version, payload length, next header, hop limit and addresses."""
    header, _ = split(builder()(Segment("2001:db8::1", "2001:db8::2", 40_000, 7000, 0x02, 1)))
    addresses = (ip_address("2001:db8::1").packed, ip_address("2001:db8::2").packed)
    assert (0x6000_0000, 20, 6, 64, *addresses) == struct.unpack("!IHBB16s16s", header)


DESTINATION = Destination(4, "192.0.2.1", 0, "192.0.2.1")


def test_without_the_right_to_a_raw_socket_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal is known before anything is sent, and names the capability."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    with (
        pytest.raises(Unavailable, match=r"CAP_NET_RAW.*sudo knock") as caught,
        raw_sender(DESTINATION, 0x02),
    ):
        pass
    assert caught.value.permission


def test_without_impacket_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slim install knocks without flags; with them it says what is missing."""
    monkeypatch.setitem(sys.modules, "impacket.ImpactPacket", None)
    with (
        pytest.raises(Unavailable, match=r"pip install impacket .* or knock without --flags$") as caught,
        raw_sender(DESTINATION, 0x02),
    ):
        pass
    assert not caught.value.permission
