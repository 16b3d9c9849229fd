"""Why a frame is no packet that a door could ask for, and what can be read of it all the same.

``knockd/knocks/decode.py`` says None to such a frame, as fast as it can. This is the slow reader of the same
headers: a test holds it to decode, which says None exactly when there is a reason here.

Pure.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct

from knockd.knocks.kernel_view import is_outgoing
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
)
from knockd_conf.classes import NamedTuple

_IPV4 = Struct(">BxHxxHxBxx4s4s")  # version and header length, total length, fragment, protocol, addresses
_IPV6 = Struct(">BxxxHBx16s16s")  # version, payload length, next header, addresses
_TAGS = (ETHERTYPE_VLAN, 0x88A8, 0x9100)
"""802.1Q, 802.1ad (QinQ) and what was used before it."""

_FRAGMENT, _AUTHENTICATION = 44, 51
_NAMES = {
    1: "ICMP",
    2: "IGMP",
    4: "IP in IP",
    41: "IPv6 in IP",
    47: "GRE",
    50: "ESP",
    58: "ICMPv6",
    132: "SCTP",
}
"""IANA's names of protocols that one meets."""


class Cause(Enum):
    """The kinds of reasons."""

    MALFORMED = "malformed"
    CUT = "cut-short"
    FRAGMENT = "fragment"
    VLAN = "vlan"
    EXTENSIONS = "extension-headers"
    LENGTH = "length"
    PROTOCOL = "protocol"
    SOURCE = "source"
    OUTGOING = "outgoing"


class Refusal(NamedTuple):
    """Why a frame cannot count, and the rest as far as it can be read: packed addresses, protocol, port.

    An empty reason: it can count.
    """

    reason: str
    source: bytes | None = None
    destination: bytes | None = None
    protocol: int | None = None
    port: int | None = None
    cause: Cause = Cause.MALFORMED

    def because(self, cause: Cause, reason: str) -> Refusal:
        """The same packet with a reason."""
        return self._replace(cause=cause, reason=reason)


def find_refusal(linktype: int, frame: bytes) -> Refusal | None:
    """Why decode says None to a frame; None when it does not."""
    found = _read_frame(linktype, frame)
    return found if found.reason else None


def _read_frame(linktype: int, frame: bytes) -> Refusal:
    if linktype in (DLT_RAW, LINKTYPE_RAW):
        return _read_network(frame, 0, frame[0] >> 4) if frame else Refusal("an empty frame")
    if linktype == DLT_EN10MB:
        size, type_at = 14, 12
    elif linktype == DLT_LINUX_SLL:
        size, type_at = 16, 14
    elif linktype == DLT_LINUX_SLL2:
        size, type_at = 20, 0
    else:
        return Refusal(f"link type {linktype} is none that knockd can read")
    if len(frame) < size:
        return Refusal(f"cut short in the link header: {len(frame)} of {size} bytes", cause=Cause.CUT)
    ethertype, at, why = _number(frame, type_at), size, ""
    if linktype != DLT_LINUX_SLL2:
        ethertype, at, why = _read_tags(frame, ethertype, at)
    version = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}.get(ethertype, 0)
    found = _read_network(frame, at, version) if version else Refusal(f"no IP: EtherType 0x{ethertype:04x}")
    if is_outgoing(linktype, frame):
        return found.because(Cause.OUTGOING, "sent by this host")
    return found.because(Cause.VLAN, why) if why else found


def _read_tags(frame: bytes, ethertype: int, at: int) -> tuple[int, int, str]:
    """The EtherType behind all VLAN tags, where its packet begins, and why the tags refuse the frame."""
    why, tags = "", 0
    while ethertype in _TAGS:
        if len(frame) - at < 4:
            return ethertype, at, "cut short in a VLAN tag"
        vlan, tags = _number(frame, at) & 0x0FFF, tags + 1
        if vlan:
            why = why or f"VLAN tag {vlan}: it counts at the interface of that VLAN only"
        elif tags > 1 or ethertype != ETHERTYPE_VLAN:
            why = why or "several VLAN tags, or one of another kind than 802.1Q"
        ethertype, at = _number(frame, at + 2), at + 4
    return ethertype, at, why


def _read_network(frame: bytes, at: int, version: int) -> Refusal:
    if version == 4:
        return _read_ipv4(frame, at)
    if version == 6:
        return _read_ipv6(frame, at)
    return Refusal(f"no IP: version {version}")


def _read_ipv4(frame: bytes, start: int) -> Refusal:
    if len(frame) - start < 20:
        return Refusal(f"cut short in the IPv4 header: {len(frame) - start} of 20 bytes", cause=Cause.CUT)
    first, total, fragment, protocol, source, destination = _IPV4.unpack_from(frame, start)
    length = (first & 0x0F) * 4
    known = Refusal("", source, destination, protocol)
    if first >> 4 != 4:
        return Refusal(f"bad IPv4 header: it says version {first >> 4}")
    if length < 20:
        return known._replace(reason=f"bad IPv4 header: it says {length} bytes, at least 20 are needed")
    if offset := fragment & 0x1FFF:
        return known.because(Cause.FRAGMENT, f"a later fragment (at byte {offset * 8}): it names no port")
    refused = _read_transport(frame, start + length, min(len(frame), start + total), total - length, known)
    if source[0] == 0 or 224 <= source[0] < 240 or source == b"\xff\xff\xff\xff":
        return refused.because(Cause.SOURCE, "its source is no address of a host")
    return refused


def _read_ipv6(frame: bytes, start: int) -> Refusal:
    if len(frame) - start < 40:
        return Refusal(f"cut short in the IPv6 header: {len(frame) - start} of 40 bytes", cause=Cause.CUT)
    first, payload, protocol, source, destination = _IPV6.unpack_from(frame, start)
    known = Refusal("", source, destination, protocol)
    if first >> 4 != 6:
        return Refusal(f"bad IPv6 header: it says version {first >> 4}")
    if source[0] == 0xFF or not any(source):
        return known.because(Cause.SOURCE, "its source is no address of a host")
    stop = start + 40 + payload
    end, at, headers = min(len(frame), stop), start + 40, 0
    while protocol in EXTENSION_HEADERS:
        if headers == MAX_EXTENSION_HEADERS:
            return known.because(
                Cause.EXTENSIONS, f"more than {MAX_EXTENSION_HEADERS} IPv6 extension headers"
            )
        if stop - at < 8:
            return known._replace(reason="bad IPv6 header: it ends within the extension headers")
        if end - at < 8:
            return known.because(Cause.CUT, "cut short in the IPv6 extension headers")
        following, size, headers = frame[at], frame[at + 1], headers + 1
        if protocol == _FRAGMENT:
            if offset := _number(frame, at + 2) >> 3:
                text = f"a later fragment (at byte {offset * 8}): it names no port"
                return known._replace(protocol=following).because(Cause.FRAGMENT, text)
            at += 8
        else:
            at += (size + 2) * 4 if protocol == _AUTHENTICATION else (size + 1) * 8
        protocol = following
        known = known._replace(protocol=protocol)
    return _read_transport(frame, at, end, stop - at, known)


def _read_transport(frame: bytes, at: int, end: int, length: int, known: Refusal) -> Refusal:
    """``length`` is what the IP header promises from ``at`` on, ``end`` where the captured bytes end."""
    if known.protocol not in (TCP, UDP):
        name = _NAMES.get(known.protocol or 0, "another one")
        return known.because(Cause.PROTOCOL, f"protocol {known.protocol} ({name}), neither TCP nor UDP")
    name, header, needed = ("TCP", 20, 14) if known.protocol == TCP else ("UDP", 8, 8)
    if end - at >= 4:
        known = known._replace(port=_number(frame, at + 2))
    if length < header:
        return known._replace(
            reason=f"bad IP header: it leaves {max(0, length)} bytes for {name}, which needs {header}"
        )
    if end - at < needed:
        return known.because(Cause.CUT, f"cut short in the {name} header")
    return known


def _number(frame: bytes, at: int) -> int:
    """The number of two bytes at a place."""
    return int.from_bytes(frame[at : at + 2], "big")
