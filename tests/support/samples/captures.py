"""Capture files: pcap in both precisions and byte orders, pcapng with one interface or several."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

SNAPLEN = 262_144
BEGIN = 1_700_000_000.0
"""Seconds since the epoch at which captures of tests begin: 2023-11-14 22:13:20 UTC."""

Timed = tuple[float, bytes]
"""A frame and when it came, in seconds after BEGIN."""


def pcap(
    frames: Iterable[Timed],
    linktype: int = 1,
    *,
    order: str = "<",
    nano: bool = False,
    snaplen: int = SNAPLEN,
) -> bytes:
    """A file in the form of https://www.tcpdump.org/manpages/pcap-savefile.5.html."""
    magic, unit = (0xA1B23C4D, 10**9) if nano else (0xA1B2C3D4, 10**6)
    made = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)
    for at, frame in frames:
        seconds, rest = divmod(round((BEGIN + at) * 10**6), 10**6)
        kept = frame[:snaplen]
        made += struct.pack(f"{order}IIII", seconds, rest * unit // 10**6, len(kept), len(frame)) + kept
    return made


def pcapng(frames: Iterable[tuple[int, float, bytes]], linktypes: Sequence[int] = (1,)) -> bytes:
    """A file with an interface for each link type; each frame says by the number of which it came."""
    made = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for linktype in linktypes:
        made += _block(1, struct.pack("<HHI", linktype, 0, SNAPLEN))
    for interface, at, frame in frames:
        stamp = round((BEGIN + at) * 10**6)
        head = struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        made += _block(6, head + frame)
    return made


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
