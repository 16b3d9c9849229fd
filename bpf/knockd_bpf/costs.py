"""What the filter costs the kernel: instructions executed for packets that are no knocks. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import log2
from typing import Final

from knockd_bpf.layout import Layout
from knockd_bpf.port_map import NOTHING, fill_gaps, lay_ports
from knockd_bpf.program import Program
from knockd_bpf.sources import EVERYBODY
from knockd_bpf.terms import Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import TCP
from knockd_conf.protocol import FLAG_BITS

_SYN: Final = FLAG_BITS["syn"]
_ACK: Final = FLAG_BITS["ack"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Instructions executed until a packet is rejected, the most over all ports that no door watches.

    ``data`` is a TCP segment of a connection (only ACK set), ``syn`` the first one (only SYN set), both
    without IP options, of whoever may knock. ``ranges`` counts the port ranges wanted of TCP. None where
    every port is wanted.
    """

    data_ipv4: int | None
    data_ipv6: int | None
    syn_ipv4: int | None
    syn_ipv6: int | None
    ranges: int

    @property
    def syn_bound(self) -> float:
        """Upper bound for a SYN to an unwatched port where all doors have the same flags and target."""
        return 12 + 2 * log2(max(self.ranges, 1))


def costs(program: Program, term: Term, layout: Layout) -> Costs:
    """Instructions that ``program``, assembled for ``term``, executes for packets to unwatched ports.

    One port is tried of each gap between watched ranges: all ports of a gap take the same path.
    """
    laid = lay_ports(term)[TCP]
    unwatched = [first for first, wants in fill_gaps(laid) if wants == NOTHING]

    def steps(version: int, flags: int, port: int, source: bytes) -> int:
        frame = layout.wrap(_segment(version, port, flags, source))
        return run_program(program.instructions, *frame).steps

    def worst(version: int, flags: int) -> int | None:
        if not unwatched:
            return None
        sources = _knockers(term, version)
        dearest = max(sources, key=lambda source: steps(version, flags, unwatched[0], source))
        return max(steps(version, flags, port, dearest) for port in unwatched)

    return Costs(worst(4, _ACK), worst(6, _ACK), worst(4, _SYN), worst(6, _SYN), len(laid))


def _knockers(term: Term, version: int) -> list[bytes]:
    """Packed addresses of which one is dearest: the ends of each run of those that may knock, or any."""
    size = 16 if version == 6 else 4
    sources = term.versions().get(version, EVERYBODY)
    ends = dict.fromkeys(end for span in sources.spans(size) for end in span)
    return [bytes(size)] if sources == EVERYBODY else [end.to_bytes(size, "big") for end in ends]


def _segment(version: int, port: int, flags: int, source: bytes) -> bytes:
    """A TCP segment without options or data, to no address in particular."""
    transport = struct.pack("!HHIIBBHHH", 1024, port, 0, 0, 0x50, flags, 0, 0, 0)
    if version == 6:
        return struct.pack("!IHBB16s16x", 6 << 28, len(transport), TCP, 64, source) + transport
    return struct.pack("!BBHIBBH4s4x", 0x45, 0, 20 + len(transport), 0, 64, TCP, 0, source) + transport
