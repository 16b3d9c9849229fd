"""Frames to packets: ``(link type, frame) -> Packet | None``.

Total: never raises on any bytes. Only TCP and UDP, only first fragments, only untagged or
priority-tagged frames (a knock on VLAN 100 is judged on VLAN 100's own interface), only
sources that a host can have. Read with ``struct``; impacket is the oracle of its test.
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
ETHERNET_IPV4_TCP = Struct(">12xHBxHxxHxBxx4s4sxxH9xB")
ETHERNET_IPV6_TCP = Struct(">18xHBx16s16sxxH9xB")
"""The fields of the common frames in one read: IPv4 without options, IPv6 without extension headers."""

_FRAGMENT_OFFSET = 0x1FFF
_HEADER_LENGTH = {TCP: 20, UDP: 8}
_FRAGMENT, _AUTHENTICATION = 44, 51
_OUTGOING = 4  # packet type of a Linux cooked header (LINKTYPE_LINUX_SLL)
_ZERO6 = bytes(16)


def decoder_for(linktype: int) -> Decoder | None:
    """The decoder of a link type (a DLT or LINKTYPE number), None when there is none."""
    return {
        DLT_EN10MB: _ethernet,
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


def _ethernet(
    buffer: bytes,
    start: int,
    end: int,
    ipv4_tcp: Callable[[bytes, int], tuple[int, int, int, int, int, bytes, bytes, int, int]] = (
        ETHERNET_IPV4_TCP.unpack_from
    ),
) -> PacketFields | None:
    # The common case in one read: untagged, IPv4 without options, TCP, whole, first fragment.
    # Whatever is not plainly that goes the long way.
    if end - start >= 48:
        ethertype, version, total, fragment, protocol, source, destination, port, flags = ipv4_tcp(
            buffer, start
        )
        if ethertype == ETHERTYPE_IPV4:
            if version == 0x45 and not fragment & _FRAGMENT_OFFSET and 0 < source[0] < 224:
                if protocol == TCP and total >= 40:
                    return source, destination, TCP, port, flags
                if protocol == UDP and total >= 28:
                    return source, destination, UDP, port, 0
        elif ethertype == ETHERTYPE_IPV6 and end - start >= 68:
            payload, following, source, destination, port, flags = ETHERNET_IPV6_TCP.unpack_from(
                buffer, start
            )
            if following == TCP and payload >= 20 and version >> 4 == 6 and 0 < source[0] < 255:
                return source, destination, TCP, port, flags
    elif end - start < 14:
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
        return _ipv4(buffer, at + 2, end)
    if ethertype == ETHERTYPE_IPV6:
        return _ipv6(buffer, at + 2, end)
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
        return _ipv4(buffer, start + 20, end)
    if ethertype == ETHERTYPE_IPV6:
        return _ipv6(buffer, start + 20, end)
    return None


def _network(buffer: bytes, start: int, end: int) -> PacketFields | None:
    if end <= start:
        return None
    version = buffer[start] >> 4
    if version == 4:
        return _ipv4(buffer, start, end)
    return _ipv6(buffer, start, end) if version == 6 else None


def _ipv4(buffer: bytes, start: int, end: int) -> PacketFields | None:
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


def _ipv6(buffer: bytes, start: int, end: int) -> PacketFields | None:
    if end - start < 40:
        return None
    version, payload, protocol, source, destination = _IPV6.unpack_from(buffer, start)
    if version >> 4 != 6 or source[0] == 0xFF or source == _ZERO6:
        return None
    stop = start + 40 + payload
    end = min(end, stop)
    at = start + 40
    for _ in range(MAX_EXTENSION_HEADERS + 1):
        if protocol not in EXTENSION_HEADERS:
            return _transport(buffer, at, end, stop - at, protocol, source, destination)
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
    return None


def _transport(
    buffer: bytes, at: int, end: int, length: int, protocol: int, source: bytes, destination: bytes
) -> PacketFields | None:
    """``length`` is what the IP header promises from ``at`` on, ``end`` where the captured bytes end."""
    if protocol not in _HEADER_LENGTH or length < _HEADER_LENGTH[protocol]:
        return None
    if protocol == UDP:
        if end - at < 8:
            return None
        return source, destination, UDP, _U16.unpack_from(buffer, at + 2)[0], 0
    if end - at < 14:
        return None
    port, flags = _TCP.unpack_from(buffer, at)
    return source, destination, TCP, port, flags
