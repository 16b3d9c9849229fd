"""Frames put together header by header, each with one thing out of the ordinary: for decode and its kin."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from itertools import pairwise

from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW

TCP, UDP = 6, 17
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
MOBILITY, HIP, SHIM6 = 135, 139, 140

KNOCKER4, OURS4 = "192.0.2.1", "10.0.0.1"
KNOCKER6, OURS6 = "2001:db8::1", "fd00::1"

LINKTYPES = {
    "ethernet": DLT_EN10MB,
    "raw": DLT_RAW,
    "raw-101": LINKTYPE_RAW,
    "sll": DLT_LINUX_SLL,
    "sll2": DLT_LINUX_SLL2,
}
"""Every link type that decode reads, by a name for test ids."""


def tcp(port: int, flags: int = 0x02, *, source_port: int = 40_000, options: bytes = b"") -> bytes:
    """A TCP segment without data; ``options`` are a multiple of four bytes (RFC 9293, section 3.1)."""
    offset = (20 + len(options)) // 4 << 4
    return struct.pack("!HHIIBBHHH", source_port, port, 1, 0, offset, flags, 64_240, 0, 0) + options


def udp(port: int, data: bytes = b"\0", *, source_port: int = 40_000) -> bytes:
    """A UDP datagram without checksum."""
    return struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data


def ipv4(
    transport: bytes,
    protocol: int = TCP,
    *,
    source: str = KNOCKER4,
    destination: str = OURS4,
    options: bytes = b"",
    fragment: int = 0,
    total: int | None = None,
    header_words: int | None = None,
    version: int = 4,
) -> bytes:
    """An IPv4 packet; ``fragment`` is the field of flags and offset, ``total`` the length claimed."""
    words = header_words if header_words is not None else (20 + len(options)) // 4
    length = 20 + len(options) + len(transport) if total is None else total
    head = struct.pack("!BBHHHBBH", version << 4 | words, 0, length, 1, fragment, 64, protocol, 0)
    return head + ip_address(source).packed + ip_address(destination).packed + options + transport


def ipv6(
    transport: bytes,
    protocol: int = TCP,
    *,
    source: str = KNOCKER6,
    destination: str = OURS6,
    extensions: tuple[tuple[int, bytes], ...] = (),
    payload: int | None = None,
    version: int = 6,
) -> bytes:
    """An IPv6 packet; ``extensions`` are (next-header value, header with a first byte to be filled in).

    ``payload`` is what the length field claims.
    """
    numbers = [number for number, _ in extensions] + [protocol]
    headers = b"".join(
        bytes([following]) + header[1:]
        for (_, header), (_, following) in zip(extensions, pairwise(numbers), strict=True)
    )
    length = len(headers) + len(transport) if payload is None else payload
    head = struct.pack("!IHBB", version << 28, length, numbers[0], 64)
    return head + ip_address(source).packed + ip_address(destination).packed + headers + transport


def extension(number: int, size: int = 8) -> tuple[int, bytes]:
    """An extension header of ``size`` bytes whose length field says so (RFC 8200, RFC 4302)."""
    if number == FRAGMENT:
        return number, bytes(8)
    field = size // 4 - 2 if number == AUTHENTICATION else size // 8 - 1
    return number, bytes([0, field]) + bytes(size - 2)


def framed(linktype: int, packet: bytes, *, packet_type: int = 0, tag: bytes = b"") -> bytes:
    """A frame of ``linktype`` around an IP packet; ``packet_type`` belongs to the cooked headers.

    ``tag`` goes before the EtherType: an 802.1Q tag is its identifier and its control field.
    """
    ethertype = struct.pack("!H", 0x86DD if packet[:1] >= b"\x60" else 0x0800)
    if linktype == DLT_EN10MB:
        return bytes(range(12)) + tag + ethertype + packet
    if linktype == DLT_LINUX_SLL:
        return struct.pack("!HHH8s", packet_type, 1, 6, b"\2" * 6) + tag + ethertype + packet
    if linktype == DLT_LINUX_SLL2:
        return ethertype + struct.pack("!HIHBB8s", 0, 2, 1, packet_type, 6, b"\2" * 6) + packet
    return packet
