"""Pauses before something that failed is tried again: longer each time, short again after a while of health.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.keeper.worker_events import Arm, Command, Disarm, Wait

STEADY = 60.0
"""Seconds of health after which the first pause comes again."""


class BackOff:
    """Begins one pause after the other; the last one repeats. ``pausing``: one is under way."""

    def __init__(self, wait: Wait, pauses: Sequence[float]) -> None:
        """``wait`` is the timer, ``pauses`` are in seconds."""
        self.pausing = False
        self._wait = wait
        self._pauses = pauses
        self._failures = 0

    def forgive(self, healthy: float) -> None:
        """Starts anew if all was well for more than ``STEADY`` seconds."""
        if healthy > STEADY:
            self._failures = 0

    def begin(self) -> Arm:
        """Counts a failure and begins a pause."""
        seconds = self._pauses[min(self._failures, len(self._pauses) - 1)]
        self._failures += 1
        self.pausing = True
        return Arm(self._wait, seconds)

    def cancel(self) -> Iterator[Command]:
        """Ends the pause, if there is one."""
        if self.pausing:
            yield Disarm(self._wait)
        self.pausing = False
