"""Duplicate openings: one packet that the packet process which ends and the next one have both seen.

The kernel's stamps say which packet is which. Two captures stamp a packet one after the other,
microseconds apart; nobody knocks twice at a door within a millisecond and means it.

Pure.
"""

from __future__ import annotations

from knockd.knocks.attempts import Attempts

SAME_PACKET = 1_000
"""Microseconds within which two stamps of one source at one door are those of one packet."""

MAX_REMEMBERED = 4_096
"""Openings of one packet process remembered at most; the youngest quarter always is."""


class Duplicates:
    """Remembers openings that were heard while the next packet process was starting."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._before: Attempts[int] = Attempts(most)
        self._now: Attempts[int] = Attempts(most)

    def change(self) -> None:
        """Another packet process is heard from now on."""
        self._before, self._now = self._now, Attempts(self._most)

    def remember(self, door: str, source: bytes, stamp: int) -> None:
        """Remembers an opening that the next packet process may report too; ``stamp`` in microseconds."""
        key = _key(door, source, stamp // SAME_PACKET)
        self._now.pop(key)
        self._now.put(key, stamp)

    def seen(self, door: str, source: bytes, stamp: int) -> bool:
        """Whether the packet process before this one reported an opening by the same packet."""
        if not len(self._before):
            return False
        slot = stamp // SAME_PACKET
        stamps = (self._before.get(_key(door, source, near)) for near in (slot - 1, slot, slot + 1))
        return any(one is not None and abs(one - stamp) < SAME_PACKET for one in stamps)


def _key(door: str, source: bytes, slot: int) -> bytes:
    # 16 bytes hold every address and 9 the slot before the first and after the last stamp of 8 bytes.
    return source.ljust(16, b"\0") + slot.to_bytes(9, "big", signed=True) + door.encode()
