"""IPv4 and IPv6 headers: options, extension headers, fragments, lengths that lie, impossible sources."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from knockd.knocks.decode import decode
from knockd_bpf.wire import DLT_EN10MB, DLT_RAW, TCP, UDP, Packet
from tests.support.samples.headers import (
    AUTHENTICATION,
    DESTINATION,
    FRAGMENT,
    HIP,
    HOP_BY_HOP,
    KNOCKER4,
    KNOCKER6,
    MOBILITY,
    OURS4,
    OURS6,
    ROUTING,
    SHIM6,
    extension,
    framed,
    ipv4,
    ipv6,
    tcp,
    udp,
)

KNOCK4 = Packet(ip_address(KNOCKER4).packed, ip_address(OURS4).packed, TCP, 7000, 0x02)
KNOCK6 = Packet(ip_address(KNOCKER6).packed, ip_address(OURS6).packed, TCP, 7000, 0x02)
EXTENSIONS = {
    "hop-by-hop": HOP_BY_HOP,
    "routing": ROUTING,
    "fragment": FRAGMENT,
    "authentication": AUTHENTICATION,
    "destination": DESTINATION,
    "mobility": MOBILITY,
    "hip": HIP,
    "shim6": SHIM6,
}
MORE_FRAGMENTS = 0x2000

both_links = pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_RAW], ids=["ethernet", "raw"])
every_extension = pytest.mark.parametrize("number", EXTENSIONS.values(), ids=EXTENSIONS)


def fragment_header(offset: int, more: bool) -> tuple[int, bytes]:
    """A fragment header (RFC 8200, section 4.5); ``offset`` in units of eight bytes."""
    return FRAGMENT, struct.pack("!BBHI", 0, 0, offset << 3 | more, 1)


@both_links
@pytest.mark.parametrize("size", [4, 20, 40])
def test_ipv4_options(linktype: int, size: int) -> None:
    """IPv4 options of any length are stepped over."""
    frame = framed(linktype, ipv4(tcp(7000), options=b"\x01" * size))
    assert decode(linktype, frame) == KNOCK4


@both_links
@pytest.mark.parametrize("words", [0, 1, 4])
def test_ipv4_header_too_short(linktype: int, words: int) -> None:
    """An IPv4 header that claims less than 20 bytes is nothing."""
    assert None is decode(linktype, framed(linktype, ipv4(tcp(7000), header_words=words)))


@both_links
def test_ipv4_header_longer_than_packet(linktype: int) -> None:
    """An IPv4 header that claims more bytes than there are is nothing."""
    assert None is decode(linktype, framed(linktype, ipv4(b"", header_words=15, total=60)))


@both_links
@pytest.mark.parametrize("total", [0, 19, 20, 39])
def test_ipv4_total_length_too_short(linktype: int, total: int) -> None:
    """An IPv4 packet that promises less than its headers is nothing, whatever bytes follow it."""
    frames = [
        framed(linktype, ipv4(tcp(7000), total=total)),
        framed(linktype, ipv4(udp(7000), UDP, total=min(total, 27))),
    ]
    assert [decode(linktype, frame) for frame in frames] == [None, None]


@both_links
def test_ipv4_total_length_too_long(linktype: int) -> None:
    """A capture may hold less than the packet promises: what is there is read."""
    assert decode(linktype, framed(linktype, ipv4(tcp(7000), total=65_535))) == KNOCK4


@both_links
def test_ethernet_padding(linktype: int) -> None:
    """Bytes after the end of the IP packet do not matter."""
    frames = [framed(linktype, ipv4(tcp(7000))), framed(linktype, ipv6(tcp(7000)))]
    assert [decode(linktype, frame + b"\xff" * 20) for frame in frames] == [KNOCK4, KNOCK6]


@both_links
@pytest.mark.parametrize("options", [b"", b"\x01" * 4], ids=["plain", "options"])
@pytest.mark.parametrize("fragment", [1, 100, 0x1FFF, MORE_FRAGMENTS | 1])
def test_ipv4_later_fragment(linktype: int, options: bytes, fragment: int) -> None:
    """A fragment that is not the first has no ports."""
    frame = framed(linktype, ipv4(tcp(7000), options=options, fragment=fragment))
    assert None is decode(linktype, frame)


@both_links
@pytest.mark.parametrize("options", [b"", b"\x01" * 4], ids=["plain", "options"])
@pytest.mark.parametrize("fragment", [0, MORE_FRAGMENTS, 0x4000, 0x8000])
def test_ipv4_first_fragment(linktype: int, options: bytes, fragment: int) -> None:
    """A first fragment and a packet that must not be fragmented are read."""
    frame = framed(linktype, ipv4(tcp(7000), options=options, fragment=fragment))
    assert decode(linktype, frame) == KNOCK4


@both_links
@pytest.mark.parametrize("options", [b"", b"\x01" * 4], ids=["plain", "options"])
@pytest.mark.parametrize("source", ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255"])
def test_impossible_ipv4_source(linktype: int, options: bytes, source: str) -> None:
    """No host sends from "this network", multicast or broadcast: no command ever hears such an address."""
    packets = [
        ipv4(tcp(7000), source=source, options=options),
        ipv4(udp(7000), UDP, source=source, options=options),
    ]
    assert [decode(linktype, framed(linktype, packet)) for packet in packets] == [None, None]


@both_links
@pytest.mark.parametrize(
    "source", ["1.0.0.0", "127.0.0.1", "192.0.2.255", "223.255.255.255", "240.0.0.1", "255.255.255.254"]
)
def test_possible_ipv4_source(linktype: int, source: str) -> None:
    """Loopback, reserved and odd-looking unicast addresses are sources."""
    frame = framed(linktype, ipv4(tcp(7000), source=source))
    assert KNOCK4._replace(source=ip_address(source).packed) == decode(linktype, frame)


@pytest.mark.parametrize("source", ["::", "ff00::", "ff02::1", "ffff::1"])
def test_impossible_ipv6_source(source: str) -> None:
    """The unspecified address and multicast are no sources."""
    packets = [ipv6(tcp(7000), source=source), ipv6(udp(7000), UDP, source=source)]
    assert [decode(DLT_RAW, packet) for packet in packets] == [None, None]


@pytest.mark.parametrize("source", ["::1", "fe80::1", "feff::1", "2001:db8::ffff"])
def test_possible_ipv6_source(source: str) -> None:
    """Loopback, link-local and global addresses are sources."""
    expected = KNOCK6._replace(source=ip_address(source).packed)
    assert expected == decode(DLT_RAW, ipv6(tcp(7000), source=source))


@every_extension
@pytest.mark.parametrize("transport", [TCP, UDP], ids=["tcp", "udp"])
def test_ipv6_extension_header(number: int, transport: int) -> None:
    """Every extension header is walked over to the transport header."""
    segment = tcp(7000) if transport == TCP else udp(7000)
    packet = ipv6(segment, transport, extensions=(extension(number),))
    expected = KNOCK6._replace(protocol=transport, flags=0x02 if transport == TCP else 0)
    assert expected == decode(DLT_RAW, packet)


@pytest.mark.parametrize(
    "number",
    [n for n in EXTENSIONS.values() if n != FRAGMENT],
    ids=[k for k in EXTENSIONS if k != "fragment"],
)
@pytest.mark.parametrize("size", [16, 24, 40])
def test_ipv6_extension_header_length(number: int, size: int) -> None:
    """An extension header's own length field says where the next one is."""
    assert decode(DLT_RAW, ipv6(tcp(7000), extensions=(extension(number, size),))) == KNOCK6


@pytest.mark.parametrize("size", [12, 20])
def test_authentication_header_in_words(size: int) -> None:
    """The authentication header counts its length in words of four bytes (RFC 4302, section 2.2)."""
    assert decode(DLT_RAW, ipv6(tcp(7000), extensions=(extension(AUTHENTICATION, size),))) == KNOCK6


@every_extension
def test_eight_extension_headers(number: int) -> None:
    """Eight extension headers are walked."""
    assert decode(DLT_RAW, ipv6(tcp(7000), extensions=(extension(number),) * 8)) == KNOCK6


@every_extension
def test_nine_extension_headers(number: int) -> None:
    """A packet with nine extension headers is given up."""
    assert None is decode(DLT_RAW, ipv6(tcp(7000), extensions=(extension(number),) * 9))


@every_extension
def test_extension_header_cut_off(number: int) -> None:
    """A packet that ends before or inside an extension header is nothing."""
    packet = ipv6(tcp(7000), extensions=(extension(number),))
    assert [decode(DLT_RAW, packet[: 40 + length]) for length in range(8)] == [None] * 8


@pytest.mark.parametrize("number", [HOP_BY_HOP, AUTHENTICATION], ids=["hop-by-hop", "authentication"])
def test_extension_header_longer_than_packet(number: int) -> None:
    """An extension header that claims more bytes than there are leaves no transport header."""
    packet = ipv6(tcp(7000), extensions=((number, b"\0\xff" + bytes(6)),))
    assert None is decode(DLT_RAW, packet)


def test_encrypted_payload() -> None:
    """What follows an ESP header (50) is encrypted: no knock."""
    assert None is decode(DLT_RAW, ipv6(tcp(7000), extensions=((50, bytes(8)),)))


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("offset", [1, 185, 8191])
def test_ipv6_later_fragment(offset: int, more: bool) -> None:
    """An IPv6 fragment that is not the first has no ports."""
    assert None is decode(DLT_RAW, ipv6(tcp(7000), extensions=(fragment_header(offset, more),)))


def test_ipv6_first_fragment() -> None:
    """An IPv6 first fragment is read."""
    assert decode(DLT_RAW, ipv6(tcp(7000), extensions=(fragment_header(0, True),))) == KNOCK6


@pytest.mark.parametrize("payload", [0, 1, 19])
def test_ipv6_payload_length_too_short(payload: int) -> None:
    """An IPv6 packet that promises less than a transport header is nothing; so is a jumbogram (0)."""
    packets = [ipv6(tcp(7000), payload=payload), ipv6(udp(7000), UDP, payload=min(payload, 7))]
    assert [decode(DLT_RAW, packet) for packet in packets] == [None, None]


def test_ipv6_payload_length_ends_in_extension_header() -> None:
    """The promised length counts extension headers too."""
    packet = ipv6(tcp(7000), extensions=(extension(HOP_BY_HOP),), payload=27)
    assert None is decode(DLT_RAW, packet)


def test_ipv6_payload_length_too_long() -> None:
    """A capture may hold less than the packet promises: what is there is read."""
    assert decode(DLT_RAW, ipv6(tcp(7000), payload=65_535)) == KNOCK6
