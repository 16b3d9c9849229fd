"""Link types that only files have: each frame to the IP packet in it, which is a frame of LINKTYPE_RAW.

What an interface can have, decode.py reads itself. Numbers are those of https://www.tcpdump.org/linktypes.html.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

DLT_NULL: Final = 0
DLT_PPP: Final = 9
DLT_RAW_BSD: Final = 14
DLT_PPP_SERIAL: Final = 50
DLT_PPP_ETHER: Final = 51
DLT_LOOP: Final = 108
LINKTYPE_IPV4: Final = 228
LINKTYPE_IPV6: Final = 229

Unwrap = Callable[[bytes], bytes]
"""A frame to the IP packet in it; empty: it holds none."""

_PPP_PROTOCOLS = frozenset({0x21, 0x57})
"""IPv4 and IPv6 (RFC 1332, RFC 5072)."""

_FAMILIES = frozenset({2, 10, 24, 28, 30})
"""AF_INET of every system; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS."""


def unwrapper_for(linktype: int) -> Unwrap | None:
    """What finds the IP packets in frames of a link type; None: only files do not have it, or nobody does."""
    return {
        DLT_NULL: _unwrap_null,
        DLT_LOOP: _unwrap_null,
        DLT_PPP: _unwrap_ppp,
        DLT_PPP_SERIAL: _unwrap_ppp,
        DLT_PPP_ETHER: _unwrap_pppoe,
        DLT_RAW_BSD: _unwrap_raw,
        LINKTYPE_IPV4: _unwrap_raw,
        LINKTYPE_IPV6: _unwrap_raw,
    }.get(linktype)


def _unwrap_raw(frame: bytes) -> bytes:
    return frame


def _unwrap_null(frame: bytes) -> bytes:
    """The address family is in the byte order of who captured, or of the network: it is a small number."""
    head = frame[:4]
    family = min(int.from_bytes(head, "big"), int.from_bytes(head, "little"))
    return frame[4:] if family in _FAMILIES else b""


def _unwrap_ppp(frame: bytes) -> bytes:
    """Address and control (RFC 1662) may be left out, and the protocol's first byte if it is 0 (RFC 1661)."""
    at = 2 if frame[:2] == b"\xff\x03" else 0
    size = 1 if frame[at : at + 1] and frame[at] & 1 else 2
    protocol = int.from_bytes(frame[at : at + size], "big")
    return frame[at + size :] if protocol in _PPP_PROTOCOLS else b""


def _unwrap_pppoe(frame: bytes) -> bytes:
    """A session packet (RFC 2516): version and type 1, code 0, session, length, then PPP."""
    return _unwrap_ppp(frame[6:]) if frame[:2] == b"\x11\x00" else b""
