"""What UDP packets hold that are as long as a signed knock: frames to payloads, of every link type.

Total on any bytes. A payload is one of SIZE bytes in no fragment; over IPv6 the UDP header comes right behind
the fixed header. Who sent it to whom is in ``decode``, which says whether the frame is a packet at all.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from knockd_bpf.wire import (
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    DLT_RAW,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    LINKTYPE_RAW,
    UDP,
)
from knockd_conf.signed_sizes import SIZE

_LINK_HEADER = {DLT_EN10MB: 14, DLT_RAW: 0, LINKTYPE_RAW: 0, DLT_LINUX_SLL: 16, DLT_LINUX_SLL2: 20}
"""Bytes in front of the IP header."""

_TAGGED = frozenset({DLT_EN10MB, DLT_LINUX_SLL})
_TAG = b"\x81\x00"
"""Where the EtherType stands: four bytes of a priority tag come first."""

_UDP_HEADER = 8
_DATAGRAM = _UDP_HEADER + SIZE
_U16 = Struct(">H")
_FRAGMENT = 0x3FFF
"""The offset and the flag of more fragments (RFC 791)."""

_IPV4, _IPV6 = 20, 40
"""Bytes of a header without options."""

_PLAIN4, _PLAIN6 = Struct(f">12xHBxHxxHxB14xHxx{SIZE}s"), Struct(f">12xHBxxxHB37xHxx{SIZE}s")
"""Of an Ethernet frame without tag and options what decides, and the payload."""


def find_payload(linktype: int, buffer: bytes, start: int, end: int) -> bytes | None:
    """The payload of the frame at ``buffer[start:end]``; None: it has none of that length."""
    at = start + _LINK_HEADER[linktype]
    if linktype in _TAGGED and buffer[at - 2 : at] == _TAG:
        at += 4
    if end - at < _IPV4:
        return None
    version, length = buffer[at] >> 4, (buffer[at] & 0x0F) * 4
    if version == 4:
        (promised,), (fragment,) = _U16.unpack_from(buffer, at + 2), _U16.unpack_from(buffer, at + 6)
        if length < _IPV4 or fragment & _FRAGMENT or buffer[at + 9] != UDP:
            return None
        promised -= length
    elif version == 6 and end - at >= _IPV6:
        (promised,), length = _U16.unpack_from(buffer, at + 4), _IPV6
        if buffer[at + 6] != UDP:
            return None
    else:
        return None
    at += length
    if promised < _DATAGRAM or end - at < _DATAGRAM or _U16.unpack_from(buffer, at + 4)[0] != _DATAGRAM:
        return None
    return buffer[at + _UDP_HEADER : at + _DATAGRAM]


def find_payloads(
    linktype: int, data: bytes, records: bytes, places: Iterable[int]
) -> Iterator[tuple[int, bytes]]:
    """The payloads of the frames at some places of a batch, each with its place."""
    columns = memoryview(records).cast("I")
    fast = linktype == DLT_EN10MB
    plain4, plain6 = _PLAIN4.unpack_from, _PLAIN6.unpack_from
    for place in places:
        offset, size = columns[4 * place + 2], columns[4 * place + 3]
        if fast and size >= _PLAIN4.size:
            kind, version, promised, fragment, protocol, length, payload = plain4(data, offset)
            if kind == ETHERTYPE_IPV4 and version == 0x45:
                if (
                    length == _DATAGRAM
                    and protocol == UDP
                    and promised >= _IPV4 + _DATAGRAM
                    and not fragment & _FRAGMENT
                ):
                    yield place, payload
                continue
            if kind == ETHERTYPE_IPV6 and version >> 4 == 6:
                if size >= _PLAIN6.size:
                    _, _, promised, protocol, length, payload = plain6(data, offset)
                    if length == _DATAGRAM and protocol == UDP and promised >= _DATAGRAM:
                        yield place, payload
                continue
        found = find_payload(linktype, data, offset, offset + size)
        if found is not None:
            yield place, found
