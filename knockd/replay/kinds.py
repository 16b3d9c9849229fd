"""Frames that no filter and no door can tell apart, but by who may knock, are of one kind.

Most of a capture is of a few kinds.

Pure.
"""

from __future__ import annotations

from collections.abc import Set
from operator import itemgetter

from knockd_bpf.terms import Term
from knockd_bpf.wire import TCP, UDP

Kind = tuple[object, ...]

_PLAIN_4, _PLAIN_6 = b"\x08\x00\x45", b"\x86\xdd"
_KIND_4 = itemgetter(slice(20, 22), 23, slice(30, 34), slice(36, 38), 47)
"""All that is judged of IPv4 without options: fragment, protocol, destination, its port, TCP flags."""

_KIND_6 = itemgetter(20, slice(38, 54), slice(56, 58), 67)
"""And of IPv6 without extension headers."""

_SHORTEST_4, _SHORTEST_6 = 48, 68


def find_payload_ports(term: Term) -> frozenset[bytes]:
    """The UDP ports, as a packet has them, of which packets are told apart by what they hold."""
    return frozenset(
        port.to_bytes(2, "big")
        for group in term.groups
        if group.payload is not None
        for low, high in group.ranges
        for port in range(low, high + 1)
    )


def kind_of(frame: bytes, payload_ports: Set[bytes] = frozenset()) -> Kind | None:
    """The kind of an untagged Ethernet frame of plain form; None: it is of no kind. Sources do not matter.

    A UDP packet to one of ``payload_ports`` is of none.
    """
    kind: Kind
    if frame[12:15] == _PLAIN_4 and len(frame) >= _SHORTEST_4:
        kind, protocol, port = _KIND_4(frame), frame[23], frame[36:38]
    elif frame[12:14] == _PLAIN_6 and len(frame) >= _SHORTEST_6 and frame[20] in (TCP, UDP):
        kind, protocol, port = _KIND_6(frame), frame[20], frame[56:58]
    else:
        return None
    return None if protocol == UDP and port in payload_ports else kind
