"""One packet seen by two packet processes: what the one that ends has told, the next one does not tell again.

Pure: the kernel's stamps say which packet is which. Two captures stamp a packet one after the
other, microseconds apart; nobody knocks twice at a door within a millisecond and means it.
"""

from __future__ import annotations

from knockd.engine.attempts import Attempts

SAME_PACKET = 1_000
"""Microseconds within which two stamps of one source at one door are those of one packet."""

MAX_TOLD = 4_096
"""Openings of one packet process remembered at most; the youngest quarter is always."""


class Overlap:
    """Openings that were told while the next packet process was starting."""

    def __init__(self, most: int = MAX_TOLD) -> None:
        self._most = most
        self._before: Attempts[int] = Attempts(most)
        self._now: Attempts[int] = Attempts(most)

    def change(self) -> None:
        """Another packet process tells from now on."""
        self._before, self._now = self._now, Attempts(self._most)

    def tell(self, door: str, source: bytes, stamp: int) -> None:
        """An opening was told that the next packet process may tell again; ``stamp`` in microseconds."""
        key = _key(door, source, stamp // SAME_PACKET)
        self._now.pop(key)
        self._now.put(key, stamp)

    def told(self, door: str, source: bytes, stamp: int) -> bool:
        """Whether the packet process before this one has told this very packet's opening."""
        if not len(self._before):
            return False
        place = stamp // SAME_PACKET
        stamps = (self._before.get(_key(door, source, near)) for near in (place - 1, place, place + 1))
        return any(one is not None and abs(one - stamp) < SAME_PACKET for one in stamps)


def _key(door: str, source: bytes, place: int) -> bytes:
    # 16 bytes hold every address and 9 the place before the first and behind the last stamp of 8 bytes.
    return source.ljust(16, b"\0") + place.to_bytes(9, "big", signed=True) + door.encode()
