"""Frames to packets: ``(link type, frame) -> Packet | None``.

Total: never raises on any bytes. Only TCP and UDP, only first fragments, only untagged or
priority-tagged frames (a knock on VLAN 100 is judged on VLAN 100's own interface), only
sources that a host can have. Read with ``struct``; impacket is the oracle of its test.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from knockd_bpf.wire import (
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    DLT_RAW,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_VLAN,
    EXTENSION_HEADERS,
    LINKTYPE_RAW,
    MAX_EXTENSION_HEADERS,
    TCP,
    UDP,
    Packet,
    PacketFields,
)

Decoder = Callable[[bytes, int, int], PacketFields | None]
"""Reads the frame that lies at ``buffer[start:end]``: ``(buffer, start, end)``."""

_IPV4 = Struct(">BxHxxHxBxx4s4s")  # version and header length, total length, fragment, protocol, addresses
_IPV6 = Struct(">BxxxHBx16s16s")  # version, payload length, next header, addresses
_TCP = Struct(">xxH9xB")  # destination port, flag byte
_U16 = Struct(">H")

_FRAGMENT_OFFSET = 0x1FFF
_FRAGMENT, _AUTHENTICATION = 44, 51
_OUTGOING = 4  # packet type of a Linux cooked header (LINKTYPE_LINUX_SLL)
_ZERO6 = bytes(16)


def decoder_for(linktype: int) -> Decoder | None:
    """The decoder of a link type (a DLT or LINKTYPE number), None when there is none."""
    return {
        DLT_EN10MB: decode_ethernet,
        DLT_RAW: _network,
        LINKTYPE_RAW: _network,
        DLT_LINUX_SLL: _cooked,
        DLT_LINUX_SLL2: _cooked2,
    }.get(linktype)


def decode(linktype: int, frame: bytes) -> Packet | None:
    """The packet in one frame, None when it is nothing that a door could ask for."""
    decoder = decoder_for(linktype)
    fields = decoder(frame, 0, len(frame)) if decoder else None
    return Packet(*fields) if fields else None


def decode_ethernet(buffer: bytes, start: int, end: int) -> PacketFields | None:
    """The decoder of Ethernet frames."""
    if end - start < 14:
        return None
    return _tagged(buffer, start + 12, end)


def _tagged(buffer: bytes, at: int, end: int) -> PacketFields | None:
    """``at`` is where the EtherType stands; a tag of VLAN 0 only carries a priority."""
    (ethertype,) = _U16.unpack_from(buffer, at)
    if ethertype == ETHERTYPE_VLAN:
        if end - at < 6 or _U16.unpack_from(buffer, at + 2)[0] & 0x0FFF:
            return None
        at += 4
        (ethertype,) = _U16.unpack_from(buffer, at)
    if ethertype == ETHERTYPE_IPV4:
        return decode_ipv4(buffer, at + 2, end)
    if ethertype == ETHERTYPE_IPV6:
        return decode_ipv6(buffer, at + 2, end)
    return None


def _cooked(buffer: bytes, start: int, end: int) -> PacketFields | None:
    if end - start < 16 or _U16.unpack_from(buffer, start)[0] == _OUTGOING:
        return None
    return _tagged(buffer, start + 14, end)


def _cooked2(buffer: bytes, start: int, end: int) -> PacketFields | None:
    if end - start < 20 or buffer[start + 10] == _OUTGOING:
        return None
    (ethertype,) = _U16.unpack_from(buffer, start)
    if ethertype == ETHERTYPE_IPV4:
        return decode_ipv4(buffer, start + 20, end)
    if ethertype == ETHERTYPE_IPV6:
        return decode_ipv6(buffer, start + 20, end)
    return None


def _network(buffer: bytes, start: int, end: int) -> PacketFields | None:
    if end <= start:
        return None
    version = buffer[start] >> 4
    if version == 4:
        return decode_ipv4(buffer, start, end)
    return decode_ipv6(buffer, start, end) if version == 6 else None


def decode_ipv4(buffer: bytes, start: int, end: int) -> PacketFields | None:
    """The decoder of what begins with an IPv4 header."""
    if end - start < 20:
        return None
    version, total, fragment, protocol, source, destination = _IPV4.unpack_from(buffer, start)
    length = (version & 0x0F) * 4
    if version >> 4 != 4 or length < 20 or fragment & _FRAGMENT_OFFSET or not _is_host(source):
        return None
    return _transport(
        buffer, start + length, min(end, start + total), total - length, protocol, source, destination
    )


def _is_host(source: bytes) -> bool:
    """Not "this network", not multicast, not broadcast: a command must never hear such an address."""
    first = source[0]
    return first != 0 and (first < 224 or (first >= 240 and source != b"\xff\xff\xff\xff"))


def decode_ipv6(buffer: bytes, start: int, end: int) -> PacketFields | None:
    """The decoder of what begins with an IPv6 header."""
    if end - start < 40:
        return None
    version, payload, protocol, source, destination = _IPV6.unpack_from(buffer, start)
    if version >> 4 != 6 or source[0] == 0xFF or source == _ZERO6:
        return None
    stop = start + 40 + payload
    end = min(end, stop)
    at = start + 40
    for _ in range(MAX_EXTENSION_HEADERS):
        if protocol not in EXTENSION_HEADERS:
            break
        if end - at < 8:
            return None
        following, size = buffer[at], buffer[at + 1]
        if protocol == _FRAGMENT:
            if _U16.unpack_from(buffer, at + 2)[0] >> 3:
                return None
            at += 8
        elif protocol == _AUTHENTICATION:
            at += (size + 2) * 4
        else:
            at += (size + 1) * 8
        protocol = following
    return _transport(buffer, at, end, stop - at, protocol, source, destination)


def _transport(
    buffer: bytes, at: int, end: int, length: int, protocol: int, source: bytes, destination: bytes
) -> PacketFields | None:
    """``length`` is what the IP header promises from ``at`` on, ``end`` where the captured bytes end."""
    if protocol == TCP:
        if length < 20 or end - at < 14:
            return None
        port, flags = _TCP.unpack_from(buffer, at)
        return source, destination, TCP, port, flags
    if protocol == UDP:
        if length < 8 or end - at < 8:
            return None
        return source, destination, UDP, _U16.unpack_from(buffer, at + 2)[0], 0
    return None
