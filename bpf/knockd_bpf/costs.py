"""What the filter costs the kernel: instructions executed for packets that are no knock."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import log2
from typing import Final

from knockd_bpf.layout import Layout
from knockd_bpf.program import Program
from knockd_bpf.segments import NOTHING, fill, lay
from knockd_bpf.terms import Term
from knockd_bpf.vm import run
from knockd_bpf.wire import FLAG_BITS, TCP

_SYN: Final = FLAG_BITS["syn"]
_ACK: Final = FLAG_BITS["ack"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Instructions executed until a packet is rejected, the worst over all ports that nobody wants.

    ``data`` is a TCP segment of a connection (only ACK set), ``syn`` the first one (only SYN set), both
    without IP options. ``ranges`` counts the port ranges wanted of TCP. None where every port is wanted.
    """

    data_ipv4: int | None
    data_ipv6: int | None
    syn_ipv4: int | None
    syn_ipv6: int | None
    ranges: int

    @property
    def syn_bound(self) -> float:
        """What a SYN to a strange port may cost where all doors are alike: 12 + 2 log2(ranges)."""
        return 12 + 2 * log2(max(self.ranges, 1))


def costs(program: Program, term: Term, layout: Layout) -> Costs:
    """Count what ``program``, which stands for ``term``, executes for packets to strange ports.

    One port stands for each gap between wanted ranges: all ports of a gap take one way.
    """
    laid = lay(term)[TCP]
    strange = [first for first, wants in fill(laid) if wants == NOTHING]

    def worst(version: int, flags: int) -> int | None:
        frames = (layout.wrap(_segment(version, port, flags)) for port in strange)
        return max((run(program.instructions, *frame).steps for frame in frames), default=None)

    return Costs(worst(4, _ACK), worst(6, _ACK), worst(4, _SYN), worst(6, _SYN), len(laid))


def _segment(version: int, port: int, flags: int) -> bytes:
    """A TCP segment without options or data, to no address in particular."""
    transport = struct.pack("!HHIIBBHHH", 1024, port, 0, 0, 0x50, flags, 0, 0, 0)
    if version == 6:
        return struct.pack("!IHBB32x", 6 << 28, len(transport), TCP, 64) + transport
    return struct.pack("!BBHIBBH8x", 0x45, 0, 20 + len(transport), 0, 64, TCP, 0) + transport
