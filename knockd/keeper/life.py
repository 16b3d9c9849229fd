"""The daemon's life, as the service manager and the status see it. All transitions are here.

    STARTING  until the packet process captures, or there is nothing yet to capture on
    UP        knocks are heard, or interfaces are waited for
    RELOADING a HUP is being obeyed; knocks are heard as before
    ENDING    TERM, INT, USR1 or a start that failed

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Life(Enum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    UP = "up"
    RELOADING = "reloading"
    ENDING = "ending"


_NEXT = {
    Life.STARTING: {Life.UP, Life.ENDING},
    Life.UP: {Life.RELOADING, Life.ENDING},
    Life.RELOADING: {Life.UP, Life.ENDING},
    Life.ENDING: set[Life](),
}


class Lifecycle:
    """Holds the Life of now; ``entered`` is called with the one before and the new one."""

    def __init__(self, entered: Callable[[Life, Life], None]) -> None:
        self.now = Life.STARTING
        self._entered = entered

    def enter(self, life: Life) -> None:
        """Goes on to ``life``; does nothing where the table does not lead there."""
        before = self.now
        if life in _NEXT[before]:
            self.now = life
            self._entered(before, life)
