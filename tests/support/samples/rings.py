"""Rings of packet sockets as the kernel fills them (TPACKET_V3), in this machine's byte order."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

BLOCK = 1 << 16
FIRST = 48
"""Offset of the first frame in a block: the head is a struct tpacket_block_desc."""

HOST, OUTGOING = 0, 4
TAGGED, KIND_KNOWN, OTHER_STATUS = 1 << 4, 1 << 6, 1 << 3

_HEAD = struct.Struct("=6I2H2I2H8x")  # struct tpacket3_hdr
_ADDRESS = struct.Struct("=H2siHBB8s")  # struct sockaddr_ll
_AWAY = 96
"""From a frame's head to where its IP header may be: both structs, and room for a link header."""


class Held(NamedTuple):
    """A frame in the ring. ``tag`` and ``kind`` are those of a VLAN tag that has been taken off."""

    data: bytes
    seconds: int = 1_700_000_000
    nanoseconds: int = 0
    tag: int | None = None
    kind: int | None = None
    packet_type: int = HOST
    link_header: int = 14
    status: int = 1
    ethertype: bytes = b"\x08\x00"
    arphrd: int = 1
    address: bytes = b""


def fill_block(frames: Sequence[Held], *, status: int = 1) -> bytes:
    """A block with these frames."""
    parts: list[bytes] = []
    for one in frames:
        at = _AWAY - one.link_header
        padded = (at + len(one.data) + 15) // 16 * 16
        step = padded if len(parts) + 1 < len(frames) else 0
        flags = one.status
        flags |= TAGGED if one.tag is not None else 0
        flags |= KIND_KNOWN if one.kind is not None else 0
        head = _HEAD.pack(
            *(step, one.seconds, one.nanoseconds, len(one.data), len(one.data), flags, at, _AWAY),
            *(0, one.tag or 0, one.kind or 0, 0),
        )
        size = len(one.address)
        head += _ADDRESS.pack(
            17, one.ethertype, 2, one.arphrd, one.packet_type, size, one.address.ljust(8, b"\xa5")
        )
        parts.append(head.ljust(at, b"\xa5") + one.data.ljust(padded - at, b"\x5a"))
    block = struct.pack("=IIIII", 3, 0, status, len(frames), FIRST).ljust(FIRST, b"\0") + b"".join(parts)
    if len(block) > BLOCK:
        raise ValueError(f"block: expected at most {BLOCK} bytes, got {len(block)}")
    return block.ljust(BLOCK, b"\0")


def is_ours(ring: bytearray, block: int) -> bool:
    """Whether a block is the reader's and not the kernel's."""
    status: int = struct.unpack_from("=I", ring, block * BLOCK + 8)[0]
    return bool(status & 1)
