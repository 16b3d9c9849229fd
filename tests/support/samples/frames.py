"""Crafted frames for the wire: Ethernet with and without 802.1Q tags, IPv4, IPv6 with extension headers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

SYN = 0x02
TCP = 6
UDP = 17
HOP_BY_HOP = 0


def checksum(data: bytes) -> int:
    """The Internet checksum of ``data`` (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(
    source: str,
    destination: str,
    port: int,
    protocol: int = TCP,
    *,
    flags: int = SYN,
    source_port: int = 40_000,
    hop_by_hop: bool = False,
    payload: bytes = b"\0",
) -> bytes:
    """One IP packet that knocks at ``port``: TCP with ``flags`` and no data, or UDP with ``payload``.

    The addresses decide between IPv4 and IPv6. ``hop_by_hop`` puts an extension header that
    holds only padding before the transport header (RFC 8200, section 4.3; IPv6 only).
    """
    from_bytes, to_bytes = ip_address(source).packed, ip_address(destination).packed
    if protocol == TCP:
        transport = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 0x50, flags, 64_240, 0, 0)
        position = 16
    else:
        transport = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
        position = 6
    pseudo = from_bytes + to_bytes + struct.pack("!II", len(transport), protocol)
    summed = struct.pack("!H", checksum(pseudo + transport))
    transport = transport[:position] + summed + transport[position + 2 :]
    if len(from_bytes) == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(transport), 1, 0, 64, protocol, 0)
        head += from_bytes + to_bytes
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + transport
    behind, following = transport, protocol
    if hop_by_hop:
        behind = struct.pack("!BBBB4x", protocol, 0, 1, 4) + behind
        following = HOP_BY_HOP
    return struct.pack("!IHBB", 0x6000_0000, len(behind), following, 64) + from_bytes + to_bytes + behind


def ethernet(to_mac: bytes, from_mac: bytes, inner: bytes, *, vlan: int | None = None) -> bytes:
    """An Ethernet frame around an IP packet; ``vlan`` adds an 802.1Q tag with that id (0: priority tag)."""
    ethertype = 0x86DD if inner[0] >> 4 == 6 else 0x0800
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return (to_mac + from_mac + tag + struct.pack("!H", ethertype) + inner).ljust(60, b"\0")


def captured(frames: Sequence[bytes], stamps: Sequence[int] = ()) -> tuple[bytes, bytes]:
    """Frames as one read of a capture: all bytes, and records with the stamps (microseconds; else 0)."""
    records, offset = b"", 0
    for place, frame in enumerate(frames):
        seconds, rest = divmod(stamps[place], 1_000_000) if stamps else (0, 0)
        records += struct.pack("=IIII", seconds, rest, offset, len(frame))
        offset += len(frame)
    return b"".join(frames), records
