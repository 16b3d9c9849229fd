"""Numbers of TCP and UDP that daemon and client share.

The client imports this file at every start, so it imports neither dataclasses nor ipaddress.

Pure.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MAX_PORT: Final = 65_535

FLAG_BITS: Final = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10, "urg": 0x20}
"""Bits of the TCP flag byte by the names that TCPFlags uses (RFC 9293, section 3.1)."""


class Protocol(IntEnum):
    """Transport protocols of a knock, by IANA protocol number."""

    TCP = 6
    UDP = 17

    def __str__(self) -> str:
        return self.name.lower()
