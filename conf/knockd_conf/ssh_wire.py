"""Data as SSH puts it together (RFC 4251, section 5): numbers, and strings behind their length.

Pure.
"""

from __future__ import annotations


def pack_string(data: bytes) -> bytes:
    """The length and the bytes."""
    return len(data).to_bytes(4, "big") + data


class Reader:
    """Takes one value after the other; each method raises ValueError where the bytes end before it does."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        end = self._at + size
        if end > len(self._data):
            raise ValueError(f"expected {size} bytes at byte {self._at}, got {len(self._data) - self._at}")
        found, self._at = self._data[self._at : end], end
        return found

    def number(self) -> int:
        """A number of 32 bits."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """The bytes of a string."""
        return self.take(self.number())

    def end(self) -> None:
        """Raises ValueError unless all bytes are taken."""
        left = len(self._data) - self._at
        if left:
            raise ValueError(f"expected the end at byte {self._at}, got {left} bytes more")
