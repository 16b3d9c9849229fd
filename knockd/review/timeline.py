"""Counts over time: equal parts of the period, and hours of the week. Bounded whatever the log's length.

Pure.
"""

from __future__ import annotations

from knockd.review.clock import Clock
from knockd.review.summary import Timeline

WIDTHS = (60, 300, 900, 3_600, 7_200, 14_400, 43_200, 86_400)
"""Seconds of a part: the first with which MOST_PARTS are enough, then doubled."""
MOST_PARTS = 1_024
OPENINGS, ATTEMPTS, SCANS = 0, 1, 2
HOURS_IN = 900
"""Hours of the day begin at multiples of this in every time zone."""


class Counts:
    """Openings, attempts and scans over time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._width = WIDTHS[0]
        self._parts: dict[int, list[int]] = {}
        self.hours = [[[0] * 24 for _ in range(7)] for _ in range(3)]
        """By kind, weekday (Monday first) and hour."""
        self._from, self._to = 1.0, 0.0
        self._part = [0, 0, 0]
        self._days = [rows[0] for rows in self.hours]
        self._hour = 0

    def add(self, kind: int, time: float, count: int = 1) -> None:
        """Counts something of that kind at that time; a negative count takes it back."""
        if not self._from <= time < self._to:
            self._move(time)
        self._part[kind] += count
        self._days[kind][self._hour] += count

    def _move(self, time: float) -> None:
        """Makes the part of a time the one that ``add`` counts in."""
        at = int(time // self._width)
        if at not in self._parts and len(self._parts) >= MOST_PARTS:
            self._widen()
            at = int(time // self._width)
        self._part = self._parts.setdefault(at, [0, 0, 0])
        step = min(self._width, HOURS_IN)
        self._from = time // step * step
        self._to = self._from + step
        day, self._hour = self._clock.place_of(time)
        self._days = [rows[day] for rows in self.hours]

    def _widen(self) -> None:
        wider = next((width for width in WIDTHS if width > self._width), self._width * 2)
        parts: dict[int, list[int]] = {}
        for at, counts in self._parts.items():
            into = parts.setdefault(at * self._width // wider, [0, 0, 0])
            for kind, count in enumerate(counts):
                into[kind] += count
        self._parts, self._width = parts, wider

    def timeline(self, first: float, last: float, most: int = 240) -> Timeline:
        """The parts from ``first`` to ``last``, at most ``most``: those without a count too."""
        width = self._width
        while int(last // width) - int(first // width) >= most:
            width = next((wider for wider in WIDTHS if wider > width), width * 2)
        start = int(first // width)
        rows = [[0] * (int(last // width) - start + 1) for _ in range(3)]
        for at, counts in self._parts.items():
            place = min(max(int(at * self._width // width) - start, 0), len(rows[0]) - 1)
            for kind, count in enumerate(counts):
                rows[kind][place] += count
        openings, attempts, scans = (tuple(max(0, count) for count in row) for row in rows)
        return Timeline(float(start * width), float(width), openings, attempts, scans)
