"""Somebody who hears every packet on a cable and sends it again, byte by byte or in somebody else's name."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from ipaddress import ip_address

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import TCP, UDP, checksum

_EVERY = 0x0003  # ETH_P_ALL, linux/if_ether.h
_INCOMING = 0  # PACKET_HOST, linux/if_packet.h
_CHECKSUM_AT = {TCP: 16, UDP: 6}


class Eavesdropper:
    """Hears the IPv4 packets of TCP and UDP that come in at an interface, from the start on."""

    def __init__(self, host: Host, interface: str) -> None:
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY))
        self._socket.bind((interface, _EVERY))
        self._socket.setblocking(False)
        self._heard: list[bytes] = []

    def close(self) -> None:
        """Hears nothing any more."""
        self._socket.close()

    def record(self, count: int) -> list[bytes]:
        """Waits for so many frames since the last record, and returns them."""

        def hear() -> list[bytes] | None:
            while True:
                try:
                    frame, address = self._socket.recvfrom(65_536)
                except BlockingIOError:
                    return self._heard if len(self._heard) >= count else None
                if address[2] == _INCOMING and frame[12:14] == b"\x08\x00" and frame[23] in _CHECKSUM_AT:
                    self._heard.append(frame)

        found = wait_until(hear, 10, f"{count} packets are heard")
        self._heard = []
        return found


def port_of(frame: bytes) -> tuple[int, int]:
    """Destination port and protocol number of a frame that was recorded."""
    return struct.unpack_from("!H", frame, 36)[0], frame[23]


def in_the_name_of(address: str, frames: Sequence[bytes]) -> list[bytes]:
    """The same frames from another source address, with the checksums of that."""
    return [_with_source(frame, ip_address(address).packed) for frame in frames]


def _with_source(frame: bytes, source: bytes) -> bytes:
    link, head, length = frame[:14], frame[14:34], struct.unpack_from("!H", frame, 16)[0]
    assert head[0] == 0x45, "a packet with IP options"
    head = head[:10] + b"\0\0" + source + head[16:]
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    segment, at = frame[34 : 14 + length], _CHECKSUM_AT[head[9]]
    bare = segment[:at] + b"\0\0" + segment[at + 2 :]
    pseudo = head[12:20] + struct.pack("!BBH", 0, head[9], len(bare))
    segment = bare[:at] + struct.pack("!H", checksum(pseudo + bare)) + bare[at + 2 :]
    return link + head + segment + frame[14 + length :]
