"""Doors with one step: any packet opens them, so the lines of their openings are limited, door by door.

Loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd.log.logger import Log
from knockd.log.rate_limit import RateLimit
from knockd.process.loop import Loop
from knockd_conf.model import Door


class DoorLimits:
    """A limit for each door that strangers can open; ``log`` takes the numbers of what was held back."""

    def __init__(self, loop: Loop, log: Log) -> None:
        self._loop = loop
        self._log = log
        self._limits: dict[str, RateLimit] = {}

    def adopt(self, doors: Iterable[Door]) -> None:
        """Takes the doors of a configuration; those that stay go on with their counts.

        A name that doors with more steps have too is not limited. A one-time door is not, for every opening
        takes a line of its file.
        """
        names: dict[str, bool] = {}
        for door in doors:
            names[door.name] = names.get(door.name, True) and len(door.steps) == 1
        before, self._limits = self._limits, {}
        for name in (name for name, limited in names.items() if limited):
            limit = before.pop(name, None) or RateLimit(self._loop, self._log, "door-held-back", door=name)
            self._limits[name] = limit
        for limit in before.values():
            limit.stop()

    def allow(self, door: str) -> bool:
        """Whether one more line about openings of a door may be logged; if not, it is counted."""
        limit = self._limits.get(door)
        return limit is None or limit.take()

    def stop(self) -> None:
        """Logs at once how many lines were held back, and stops all timers."""
        for limit in self._limits.values():
            limit.stop()
