"""How many signatures are looked at: of each source and in all.

A signature takes a hundred microseconds, and what counts is written to the disk. Whoever has the knock secret
can make packets that get as far as that.

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd.token_bucket import TokenBucket

OF_A_SOURCE, OF_ALL = 5, 50
"""Packets at once, and then each second."""

REMEMBERED: Final = 1.0
"""Seconds after which a bucket that nobody has taken from is full again."""


class Limits:
    """Time is in seconds of a steady clock."""

    def __init__(self) -> None:
        self._all = TokenBucket(OF_ALL, OF_ALL)
        self._sources: dict[bytes, tuple[TokenBucket, float]] = {}
        """With the time at which each was used last, in this order: as many as have passed in a second."""

    def take(self, source: bytes, now: float) -> bool:
        """Whether the signature of one more packet of a source may be looked at."""
        self._all.refill(now)
        if self._all.tokens < 1:
            return False
        self._forget(now)
        bucket, _ = self._sources.pop(source, (TokenBucket(OF_A_SOURCE, OF_A_SOURCE), now))
        self._sources[source] = bucket, now
        bucket.refill(now)
        return bucket.take() and self._all.take()

    def __len__(self) -> int:
        return len(self._sources)

    def _forget(self, now: float) -> None:
        for source in [one for one, (_, last) in self._sources.items() if now - last > REMEMBERED]:
            del self._sources[source]
