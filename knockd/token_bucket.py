"""A token bucket, with time as an argument: how many lines a stranger may cause. Pure."""

from __future__ import annotations

BURST = 100
RATE = 20.0


class TokenBucket:
    """After a burst of ``burst`` events, ``rate`` a second; the others are counted.

    ``refill`` is called once a batch, ``take`` once an event. ``tokens`` and ``held`` are there
    for the matcher's inner loop: below one token it adds to ``held`` without a call.
    """

    __slots__ = ("_burst", "_last", "_rate", "held", "tokens")

    def __init__(self, burst: int = BURST, rate: float = RATE) -> None:
        self._burst = burst
        self._rate = rate
        self.tokens: float = burst
        self._last: float | None = None
        self.held = 0

    def refill(self, now: float) -> None:
        """Adds what has come since the last call; ``now`` in seconds of a steady clock."""
        if self._last is not None:
            self.tokens = min(self._burst, self.tokens + (now - self._last) * self._rate)
        self._last = now

    def take(self) -> bool:
        """Whether one more event may pass; if not, it is counted as held back."""
        if self.tokens >= 1:
            self.tokens -= 1
            return True
        self.held += 1
        return False

    @property
    def holds_back(self) -> bool:
        """Whether events were held back that nobody has been told of yet."""
        return self.held > 0

    def take_held(self) -> int:
        """How many were held back since the last call, once events may pass again (else 0)."""
        if not self.held or self.tokens < 1:
            return 0
        held, self.held = self.held, 0
        return held
