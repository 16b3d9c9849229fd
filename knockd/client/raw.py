"""TCP packets with chosen flags, as bytes, built with impacket. Nothing is sent from here.

World: impacket.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import Protocol

HOP_LIMIT = 64
"""Time to live or hop limit: what Linux gives its own packets."""

WINDOW = 64_240
"""What Linux offers in the first packet of a connection over Ethernet, in bytes."""

TCP_HEADER_LENGTH = 20


class Segment(NamedTuple):
    """One packet to build. The addresses are numeric, without a scope, and of one IP version.

    ``flags`` is the whole flag byte (RFC 9293, section 3.1), ``sequence`` the sequence number
    (32 bits).
    """

    source: str
    destination: str
    source_port: int
    port: int
    flags: int
    sequence: int


def builder() -> Callable[[Segment], bytes]:
    """A function that makes a whole IP packet of a segment: no data, checksums filled in.

    impacket is imported here and not before. Raises ImportError when it is not installed.
    """
    from impacket.ImpactPacket import IP, TCP
    from impacket.IP6 import IP6

    def build(segment: Segment) -> bytes:
        tcp = TCP()
        tcp.set_th_sport(segment.source_port)
        tcp.set_th_dport(segment.port)
        tcp.set_th_seq(segment.sequence)
        tcp.set_th_flags(segment.flags)
        tcp.set_th_win(WINDOW)
        packet = _ipv6(IP6(), segment) if ":" in segment.destination else _ipv4(IP(), segment)
        packet.contains(tcp)
        return bytes(packet.get_packet())

    return build


def _ipv4(header: Any, segment: Segment) -> Any:
    header.set_ip_src(segment.source)
    header.set_ip_dst(segment.destination)
    header.set_ip_ttl(HOP_LIMIT)
    header.set_ip_df(1)
    return header


def _ipv6(header: Any, segment: Segment) -> Any:
    header.set_ip_src(_in_full(segment.source))
    header.set_ip_dst(_in_full(segment.destination))
    header.set_hop_limit(HOP_LIMIT)
    # impacket fills these two in for IPv4 only, and the TCP checksum covers both.
    header.set_next_header(int(Protocol.TCP))
    header.set_payload_length(TCP_HEADER_LENGTH)
    return header


def _in_full(address: str) -> str:
    """An IPv6 address as eight groups of four hexadecimal digits: impacket reads no dotted ones."""
    return IPv6Address(address).packed.hex(":", 2)
