"""What the filter costs the kernel: instructions executed for packets that are no knocks. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import log2
from typing import Final

from knockd_bpf.layout import Layout
from knockd_bpf.port_map import NOTHING, PortRange, fill_gaps, is_open, lay_ports
from knockd_bpf.program import Program
from knockd_bpf.sources import EVERYBODY
from knockd_bpf.terms import Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import TCP, UDP
from knockd_conf.classes import dataclass
from knockd_conf.protocol import FLAG_BITS

_SYN: Final = FLAG_BITS["syn"]
_ACK: Final = FLAG_BITS["ack"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Instructions executed until a packet is rejected, the most over all ports that no door watches.

    ``data`` is a TCP segment of a connection (only ACK set), ``syn`` the first one (only SYN set), both
    without IP options, of whoever may knock. ``ranges`` counts the port ranges wanted of TCP. None where
    every port is wanted.

    ``forged`` is a UDP packet to a port with a payload rule, as long as that says, with another first word;
    None where there is no such port.
    """

    data_ipv4: int | None
    data_ipv6: int | None
    syn_ipv4: int | None
    syn_ipv6: int | None
    ranges: int
    forged_ipv4: int | None = None
    forged_ipv6: int | None = None

    @property
    def syn_bound(self) -> float:
        """Upper bound for a SYN to an unwatched port where all doors have the same flags and target."""
        return 12 + 2 * log2(max(self.ranges, 1))


def costs(program: Program, term: Term, layout: Layout) -> Costs:
    """Instructions that ``program``, assembled for ``term``, executes for packets to unwatched ports.

    One port is tried of each gap between watched ranges: all ports of a gap take the same path.
    """
    ports = lay_ports(term)
    laid = ports[TCP]
    unwatched = [first for first, wants in fill_gaps(laid) if wants == NOTHING]

    forged = list(_forge(ports[UDP]))

    def steps(packet: bytes) -> int:
        return run_program(program.instructions, *layout.wrap(packet)).steps

    def worst(version: int, protocol: int, transports: Sequence[bytes]) -> int | None:
        """The most that any of the packets costs, of the source of which the first one costs most."""
        if not transports:
            return None
        sources = _knockers(term, version)
        dearest = max(sources, key=lambda one: steps(_packet(version, protocol, transports[0], one)))
        return max(steps(_packet(version, protocol, one, dearest)) for one in transports)

    data, syn = ([_segment(port, flags) for port in unwatched] for flags in (_ACK, _SYN))
    return Costs(
        worst(4, TCP, data),
        worst(6, TCP, data),
        worst(4, TCP, syn),
        worst(6, TCP, syn),
        len(laid),
        worst(4, UDP, forged),
        worst(6, UDP, forged),
    )


def _forge(ranges: Iterable[PortRange]) -> Iterator[bytes]:
    """Yields UDP datagrams that satisfy a payload rule but for their first word."""
    for low, _, wants in ranges:
        for want in wants:
            if want.payload is not None and not is_open(wants):
                size, words = want.payload
                other = next(word for word in count() if word not in words)
                yield struct.pack("!HHHHI", 1024, low, 8 + size, 0, other) + bytes(size - 4)


def _knockers(term: Term, version: int) -> list[bytes]:
    """Packed addresses of which one is dearest: the ends of each run of those that may knock, or any."""
    size = 16 if version == 6 else 4
    sources = term.versions().get(version, EVERYBODY)
    ends = dict.fromkeys(end for span in sources.spans(size) for end in span)
    return [bytes(size)] if sources == EVERYBODY else [end.to_bytes(size, "big") for end in ends]


def _segment(port: int, flags: int) -> bytes:
    """A TCP segment without options or data."""
    return struct.pack("!HHIIBBHHH", 1024, port, 0, 0, 0x50, flags, 0, 0, 0)


def _packet(version: int, protocol: int, transport: bytes, source: bytes) -> bytes:
    """An IP packet to no address in particular."""
    if version == 6:
        return struct.pack("!IHBB16s16x", 6 << 28, len(transport), protocol, 64, source) + transport
    return struct.pack("!BBHIBBH4s4x", 0x45, 0, 20 + len(transport), 0, 64, protocol, 0, source) + transport
