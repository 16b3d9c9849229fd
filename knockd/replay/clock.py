"""Time as a capture has it: the stamps of its frames as a steady clock, which never goes back.

Pure.
"""

from __future__ import annotations

REORDERED = 1_000_000
"""Microseconds by which stamps may go back because several processors received, as in a capture's ring."""

MOST_NAMED = 4
"""Frames that are remembered at which the clock was set back."""


class CaptureClock:
    """Steady time from stamps, both in microseconds.

    A stamp that is a little earlier than the one before it counts as that one: the daemon judges packets in
    the order of its ring. One that is much earlier says that the clock was set back: time goes on from where
    it was, as it does for the daemon. A clock that was set forward looks like a pause and is taken for one.
    """

    def __init__(self) -> None:
        self.reordered = 0
        """Stamps that went back a little."""
        self.set_back: list[tuple[int, int]] = []
        """Frames at which the clock was set back, and by how many microseconds: the first few."""
        self.times_set_back = 0
        self.latest = 0
        """The steady time of the latest frame."""
        self._offset = 0

    def advance(self, index: int, stamp: int) -> int:
        """The steady time of the frame ``index``."""
        steady = stamp + self._offset
        if steady < self.latest - REORDERED:
            self.times_set_back += 1
            if len(self.set_back) < MOST_NAMED:
                self.set_back.append((index, self.latest - steady))
            self._offset = self.latest - stamp
        elif steady < self.latest:
            self.reordered += 1
        self.latest = max(self.latest, steady)
        return self.latest

    def stamp_at(self, steady: int) -> int:
        """What the capture's clock shows at a steady time that is not before the latest frame's."""
        return steady - self._offset
