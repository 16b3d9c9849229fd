"""What is open in the fleet, by door and address: of two changes the one with the greater version holds.

Gateways that have heard the same changes, in whatever order, know the same to be open. A change that was made
when another one was known is the greater one. Of two that were made apart the later one is, as far as wall
clocks agree.

Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from math import inf
from typing import Final

from knockd.fleet.records import MOST_ROWS, OLDEST, Row, State, Version, Want
from knockd_conf.classes import NamedTuple

MOST: Final = 65_536
"""Openings and closes that are remembered: as many as a gateway can have leases."""

REMEMBERED: Final = 60.0
"""Seconds for which a close is remembered beyond the time of its opening, and an opening that nothing
closes: later no message about it can still be on its way."""

SAME: Final = 2.0
"""Seconds by which the ends of an opening and of a lease of before this run may differ: they are the same."""

_STEP: Final = 1e-6
"""Seconds between two changes, at least: no two are made at the same time."""

Place = tuple[str, str]
"""The name of a door, and an address."""


class _Known(NamedTuple):
    """What is known of an opening. ``until``: when it closes; None: nothing closes it. Times are local."""

    version: Version
    until: float | None
    changed: float
    forget_at: float


class Openings:
    """All that is open. ``run`` names this run of the gateway: no other one makes versions with it."""

    def __init__(self, run: str, ahead: float) -> None:
        self.ahead = ahead
        """Seconds by which the wall clock is ahead of the clock that all times are of."""
        self._run = run
        self._clock = 0
        self._changed = 0.0
        self._known: dict[Place, _Known] = {}
        """In the order of the changes."""
        self._held: set[Place] = set()
        """What was open before this run, as long as nobody else has named it."""

    def note_open(self, place: Place, seconds: float | None, now: float) -> Row:
        """It has been opened here, or has more time; returns what the others are to hear."""
        self._clock = max(self._clock + 1, int((now + self.ahead) * 1000))
        row = Row(*place, seconds, Version(self._clock, self._run))
        self._held.discard(place)
        self._put(row, now)
        return row

    def note_closed(self, place: Place, now: float) -> Row:
        """It has been closed here before its time; returns what the others are to hear."""
        return self.note_open(place, 0.0, now)

    def hold(self, place: Place, seconds: float, now: float) -> None:
        """It was open here before this run; what the others know of it is newer."""
        if place not in self._known:
            self._put(Row(*place, seconds, OLDEST), now)
            self._held.add(place)

    def take(self, row: Row, now: float) -> bool:
        """Takes what another gateway says; returns whether it is news."""
        place = row.door, row.address
        self._clock = max(self._clock, row.version.clock)
        known = self._known.get(place)
        if known is not None and known.forget_at <= now:
            known = None
        more = _find_more(known, row, now)
        if known is not None and known.version == OLDEST == row.version and more < -SAME:
            return False  # both were held, ours for longer: it stays to be told
        self._held.discard(place)
        if known is not None and known.version >= row.version and (row.version != OLDEST or more <= SAME):
            return False
        self._put(row, now)
        if known is not None and known.version == OLDEST and abs(more) <= SAME:
            return False
        return row.seconds != 0 or more < 0

    def list_held(self, now: float) -> list[tuple[Place, float]]:
        """What is open since before this run, with the seconds that are left, and nobody else has named."""
        known = ((place, self._known[place]) for place in self._held if place in self._known)
        return [(place, one.until - now) for place, one in known if one.until is not None and one.until > now]

    def list_changes(self, want: Want, now: float) -> State:
        """Answers a gateway that wants to know what has changed."""
        rows, last = list[Row](), want.after
        changes = list(self._known.items())
        start = bisect_right(changes, want.after, key=lambda change: change[1].changed)
        for place, known in changes[start:]:
            if known.until is None or known.forget_at <= now or (want.own and known.version.run != self._run):
                continue
            if len(rows) == MOST_ROWS:
                return State(want, tuple(rows), last, more=True)
            rows.append(Row(*place, max(0.0, known.until - now), known.version))
            last = known.changed
        return State(want, tuple(rows), last, more=False)

    def say_again(self, after: float, now: float) -> list[Row]:
        """What was changed here after some time, as if it were changed now."""
        self.forget(now)
        rows = [
            Row(*place, max(0.0, known.until - now), known.version)
            for place, known in self._known.items()
            if known.changed > after and known.until is not None and known.version.run == self._run
        ]
        for row in rows:
            self._put(row, now)
        return rows

    def list_open(self, now: float) -> Iterator[tuple[Place, float, str]]:
        """What is open and closes: where, the seconds that are left, and the run that has said so."""
        for place, known in self._known.items():
            if known.until is not None and known.until > now:
                yield place, known.until - now, known.version.run

    def forget(self, now: float) -> None:
        """Leaves out what is over."""
        self._known = {place: known for place, known in self._known.items() if known.forget_at > now}
        self._held.intersection_update(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _put(self, row: Row, now: float) -> None:
        """Keeps a row, as the last one."""
        place = row.door, row.address
        until = None if row.seconds is None else now + row.seconds
        forget_at = (now if until is None else until) + REMEMBERED
        before = self._known.pop(place, None)
        if before is not None:
            forget_at = max(forget_at, before.forget_at)
        elif len(self._known) >= MOST:
            del self._known[next(iter(self._known))]  # the one that was changed longest ago
        self._changed = max(now, self._changed + _STEP)
        self._known[place] = _Known(row.version, until, self._changed, forget_at)


def _find_more(known: _Known | None, row: Row, now: float) -> float:
    """By how many seconds a row lets something be open for longer than it was known to be."""
    left = 0.0 if known is None or known.until is None else max(0.0, known.until - now)
    return (inf if row.seconds is None else row.seconds) - left
