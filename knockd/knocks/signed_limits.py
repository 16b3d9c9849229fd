"""How many signed packets go on to the keeper: of a source, of a key, and in all, fair to who sends few.

A flood in the name of one key, from one source or from random ones, uses up what that key and that source may
send, and leaves something of what all may. Of this a key needs as much as it has had lately: so a flood in
the names of many keys leaves enough for one that comes seldom.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.token_bucket import TokenBucket

OF_SOURCE, OF_KEY, IN_ALL = 5, 10, 50
"""Packets a second, and at once."""

LATELY = 60.0
"""Seconds after which half of what a key has had is forgotten."""

_TURN = 1.0
"""Seconds in which a bucket is full again."""


class _Key:
    __slots__ = ("at", "bucket", "served")

    def __init__(self) -> None:
        self.bucket = TokenBucket(OF_KEY, OF_KEY)
        self.served = 0
        self.at = -1.0
        """When its bucket was filled."""


class Limits:
    """Keys are numbers from 0 on. Times are in seconds of a steady clock.

    A source is remembered when a packet of it goes on, until it may send as if it had not.
    """

    def __init__(self) -> None:
        self._all = TokenBucket(IN_ALL, IN_ALL)
        self._keys: list[_Key] = []
        self._sources: dict[bytes, TokenBucket] = {}
        self._sources_before: dict[bytes, TokenBucket] = {}
        self._turned = self._halved = 0.0
        self._at = -1.0

    def set_keys(self, before: Sequence[int | None]) -> None:
        """Takes as many keys, each with the number that it had; None: it is new."""
        self._keys = [_Key() if number is None else self._keys[number] for number in before]

    def take(self, source: bytes, key: int, now: float) -> bool:
        """Whether a packet goes on. One that does not costs its key and its source nothing."""
        its = self._keys[key]
        if self._at != now:  # else it is the next packet of one read
            self._at = now
            self._all.refill(now)
            self._forget(now)
        if its.at != now:
            its.at = now
            its.bucket.refill(now)
        if its.bucket.tokens < 1:
            return False
        if self._all.tokens < min(1 + its.served, IN_ALL):
            return False
        of_source = self._sources.get(source) or self._sources_before.get(source) or _new(now)
        of_source.refill(now)
        if of_source.tokens < 1:
            return False
        for bucket in (self._all, its.bucket, of_source):
            bucket.take()
        its.served += 1
        self._sources[source] = of_source
        return True

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._sources.keys() | self._sources_before.keys())

    def _forget(self, now: float) -> None:
        if now - self._turned >= _TURN:
            self._sources_before, self._sources, self._turned = self._sources, {}, now
        if now - self._halved >= LATELY:
            self._halved = now
            for key in self._keys:
                key.served //= 2


def _new(now: float) -> TokenBucket:
    made = TokenBucket(OF_SOURCE, OF_SOURCE)
    made.refill(now)
    return made
