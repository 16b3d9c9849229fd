"""What is open in the fleet, by door and address: of two changes the one with the greater version holds.

Gateways that have heard the same changes, in whatever order, know the same to be open.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from knockd.fleet.records import OLDEST, Row, Version
from knockd_conf.classes import NamedTuple

MOST: Final = 65_536
"""Openings and closes that are remembered: as many as a gateway can have leases."""

REMEMBERED: Final = 60.0
"""Seconds for which a close is remembered beyond the time of its opening, and an opening that nothing
closes: later no message about it can still be on its way."""

Place = tuple[str, str]
"""The name of a door, and an address."""


class _Known(NamedTuple):
    """What is known of an opening. ``until``: when it closes; None: nothing closes it. Times are local."""

    version: Version
    until: float | None
    closed: bool
    forget_at: float


class Openings:
    """All that is open. ``run`` names this run of the gateway: no other one makes versions with it."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._clock = 0
        self._known: dict[Place, _Known] = {}

    def note_open(self, place: Place, seconds: float | None, now: float) -> Row:
        """It has been opened here, or has more time; returns what the others are to hear."""
        version = self._next()
        self._put(place, version, None if seconds is None else now + seconds, now)
        return Row(*place, seconds, version)

    def note_closed(self, place: Place, now: float) -> Row:
        """It has been closed here before its time; returns what the others are to hear."""
        version = self._next()
        self._close(place, version, now)
        return Row(*place, 0.0, version)

    def hold(self, place: Place, seconds: float, now: float) -> None:
        """It was open here before this run; what the others know of it is newer."""
        if place not in self._known:
            self._put(place, OLDEST, now + seconds, now)

    def take(self, row: Row, now: float) -> bool:
        """Takes what another gateway says; returns whether it is news."""
        place = row.door, row.address
        self._clock = max(self._clock, row.version.clock)
        known = self._known.get(place)
        if known is not None and known.version >= row.version:
            return False
        if row.seconds == 0:
            was_open = known is not None and not known.closed
            self._close(place, row.version, now)
            return was_open
        self._put(place, row.version, None if row.seconds is None else now + row.seconds, now)
        return True

    def list_rows(self, now: float) -> Iterator[Row]:
        """What a gateway needs to know that joins, with the seconds that are left."""
        self.forget(now)
        for place, known in self._known.items():
            if known.closed:
                yield Row(*place, 0.0, known.version)
            elif known.until is not None and known.until > now:
                yield Row(*place, known.until - now, known.version)

    def forget(self, now: float) -> None:
        """Leaves out what is over."""
        self._known = {place: known for place, known in self._known.items() if known.forget_at > now}

    def __len__(self) -> int:
        return len(self._known)

    def _next(self) -> Version:
        self._clock += 1
        return Version(self._clock, self._run)

    def _put(self, place: Place, version: Version, until: float | None, now: float) -> None:
        self._known.pop(place, None)
        if len(self._known) >= MOST:
            self.forget(now)
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]  # the one that was changed longest ago
        forget_at = (now if until is None else until) + REMEMBERED
        self._known[place] = _Known(version, until, closed=False, forget_at=forget_at)

    def _close(self, place: Place, version: Version, now: float) -> None:
        known = self._known.get(place)
        later = now if known is None else max(now, known.forget_at - REMEMBERED)
        self._put(place, version, None, now)
        self._known[place] = _Known(version, None, closed=True, forget_at=later + REMEMBERED)
