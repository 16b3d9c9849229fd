"""Why a UDP packet has not the form of a signed knock, which the kernel's filter looks at first.

``payloads.py`` says None to such a frame, as fast as it can. This is the slow reader of the same headers: a
test holds it to that one, which says None exactly when there is a reason here.

Pure.
"""

from __future__ import annotations

from knockd.knocks.kernel_view import show_frame
from knockd.knocks.refusals import Cause
from knockd_bpf.wire import UDP
from knockd_conf.classes import NamedTuple
from knockd_conf.signed_sizes import SIZE

_ETHERNET, _IPV6, _UDP = 14, 40, 8
_MORE_FRAGMENTS, _OFFSET = 0x2000, 0x1FFF


class Misshape(NamedTuple):
    """Why a frame is no signed knock by its form."""

    cause: Cause
    reason: str


def find_misshape(linktype: int, frame: bytes) -> Misshape | None:
    """Why a frame, of which ``decode`` makes a UDP packet, holds no signed knock; None: it may hold one."""
    packet = show_frame(linktype, frame).filtered[_ETHERNET:]
    return _read_ipv4(packet) if packet[0] >> 4 == 4 else _read_ipv6(packet)


def _read_ipv4(packet: bytes) -> Misshape | None:
    fragment, header = _number(packet, 6), (packet[0] & 0x0F) * 4
    if fragment & (_MORE_FRAGMENTS | _OFFSET):
        return Misshape(Cause.FRAGMENT, "a fragment: a signed knock comes in one piece")
    return _read_udp(packet[header:], _number(packet, 2) - header)


def _read_ipv6(packet: bytes) -> Misshape | None:
    if packet[6] != UDP:
        reason = f"extension header {packet[6]} in front of UDP: a signed knock has none"
        return Misshape(Cause.EXTENSIONS, reason)
    return _read_udp(packet[_IPV6:], _number(packet, 4))


def _read_udp(segment: bytes, promised: int) -> Misshape | None:
    """``promised`` is how many bytes of it the IP header says that there are."""
    size = _number(segment, 4) - _UDP
    if size != SIZE:
        return Misshape(Cause.LENGTH, f"{max(0, size)} bytes of UDP: a signed knock has {SIZE}")
    if promised < _UDP + SIZE:
        reason = f"bad IP header: it leaves {promised} bytes for UDP, which says {_UDP + SIZE}"
        return Misshape(Cause.MALFORMED, reason)
    if len(segment) < _UDP + SIZE:
        reason = f"cut short: {len(segment) - _UDP} of {SIZE} bytes were captured"
        return Misshape(Cause.CUT, reason)
    return None


def _number(data: bytes, at: int) -> int:
    """The number of two bytes at a place."""
    return int.from_bytes(data[at : at + 2], "big")
