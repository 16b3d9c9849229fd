"""At which interface a packet was seen first: what two interfaces see is one packet.

Pure.
"""

from __future__ import annotations

from knockd_bpf.wire import Packet

MOST_SEEN = 1_000
"""Packets that are remembered."""


class FirstSeen:
    """The latest packets, and at which interface each was seen first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, Packet], str] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def find_other(self, stamp: int, packet: Packet, name: str) -> str:
        """The other interface that has seen a packet already, by the kernel's one stamp; empty: none has."""
        first = self._seen.setdefault((stamp, packet), name)
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return "" if first == name else first
