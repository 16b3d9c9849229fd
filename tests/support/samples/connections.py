"""Messages about tracked connections, as the kernel sends them."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from knockd.net.conntrack_messages import CT_NEW, pack_attribute, pack_key
from knockd.net.rtnetlink import HEADER, NLMSG_DONE, NLMSG_ERROR
from knockd_conf.protocol import Protocol

KNOCKER, SERVER, INNER = "203.0.113.7", "192.0.2.1", "10.0.0.9"
NESTED = 0x8000
ESTABLISHED, SYN_RECV = 3, 2
SEEN_REPLY = 0x2

FROM_A_KERNEL = bytes.fromhex(
    "020000003400018014000180080001000a070002080002000a0000011c0002800500010006000000060002000fa00000"
    "06000300001600003400028014000180080001000a000001080002000a0700021c000280050001000600000006000200"
    "00160000060003000fa00000080003000000000e080008000000000008000c0051511b5708000b000000000108000700"
    "00000257300004802c000180050001000300000005000200000000000500030000000000060004000000000006000500"
    "000000001c001880080001000000000008000200000000000800030000000000"
)
"""What Linux 6.18 said of a connection of 10.7.0.2, port 4000, to port 22 of 10.0.0.1."""


def connection(
    source: str = KNOCKER,
    destination: str = SERVER,
    port: int = 22,
    *,
    inner: str | None = None,
    inner_port: int | None = None,
    protocol: int = Protocol.TCP,
    state: int = ESTABLISHED,
    status: int = SEEN_REPLY,
    source_port: int = 40_000,
) -> bytes:
    """The payload of a CT_NEW message; ``inner`` and ``inner_port`` are where DNAT has sent it."""
    first, second = ip_address(source).packed, ip_address(destination).packed
    answers = ip_address(inner or destination).packed
    original = pack_key(first, second, protocol, (source_port, port))
    reply = pack_key(answers, first, protocol, (inner_port or port, source_port))
    reply = reply[:2] + struct.pack("=H", 2 | NESTED) + reply[4:]
    info = pack_attribute(1, bytes([state]))
    extra = pack_attribute(3, struct.pack(">I", status))
    if protocol == Protocol.TCP:
        extra += pack_attribute(4 | NESTED, pack_attribute(1 | NESTED, info))
    return struct.pack("BBH", 2 if len(first) == 4 else 10, 0, 0) + original + reply + extra


def message(payload: bytes, kind: int = CT_NEW) -> bytes:
    """A message with its header."""
    return HEADER.pack(HEADER.size + len(payload), kind, 0, 1, 0) + payload


END = message(struct.pack("=i", 0), NLMSG_DONE)


def error(number: int) -> bytes:
    """The kernel says no; ``number`` is an errno."""
    return message(struct.pack("=i", -number), NLMSG_ERROR)
