"""What the charts of the page show and where: positions in percent of a chart's width, heights in pixels.

The template draws them, so that text keeps its size at every width of the page.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from knockd.review.summary import End, Opening, Scanner
from knockd_conf.classes import dataclass

MOST_LANES = 24
MOST_SOURCES = 12
OPENED_NOTHING = (End.NOT_OPENED, End.CLOSED_ANOTHER)
"""Ends of openings at which no door was open."""

LEVELS = 4
"""How many shades a heat map has, besides none."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a timeline that is not empty. ``x`` and ``width`` in percent, ``height`` of 1."""

    x: float
    width: float
    height: float
    start: float
    count: int


@dataclass(frozen=True, slots=True)
class Mark:
    """One opening in its lane, from ``x`` on, ``width`` wide (percent; 0 where no end is known)."""

    x: float
    width: float
    opening: Opening


@dataclass(frozen=True, slots=True)
class Lane:
    """The openings of a door for one address, or for all (``ip`` empty)."""

    door: str
    ip: str
    host: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One hour of the week. ``level`` is 0 for none, up to LEVELS for most."""

    day: int
    hour: int
    count: int
    level: int


@dataclass(frozen=True, slots=True)
class Source:
    """An address or network and how much came from it, as parts (percent) of the chart's width."""

    name: str
    note: str
    parts: tuple[tuple[float, int], ...]
    count: int


def place(time: float, start: float, end: float) -> float:
    """Where a time is on an axis, in percent of its width; what is outside is at its edge."""
    if end <= start:
        return 0.0
    return round(min(max((time - start) / (end - start), 0.0), 1.0) * 100, 3)


def find_bars(counts: Sequence[int], start: float, width: float) -> tuple[Bar, ...]:
    """A bar for each part of a timeline that has a count, the highest of height 1."""
    most, part = max(counts, default=0), 100 / max(len(counts), 1)
    return tuple(
        Bar(round(at * part, 3), round(part, 3), count / most, start + at * width, count)
        for at, count in enumerate(counts)
        if count
    )


def find_lanes(openings: Iterable[Opening], start: float, end: float) -> tuple[tuple[Lane, ...], int]:
    """Lanes by door and address, or by door alone where those were too many; and how many have no room."""
    shown = sorted((one for one in openings if one.end is not End.CLOSED_ANOTHER), key=lambda one: one.time)
    by_pair: dict[tuple[str, str], list[Opening]] = {}
    for one in shown:
        by_pair.setdefault((one.door, one.ip), []).append(one)
    if len(by_pair) > MOST_LANES:
        by_pair = {}
        for one in shown:
            by_pair.setdefault((one.door, ""), []).append(one)
    fullest = sorted(by_pair, key=lambda pair: (-len(by_pair[pair]), pair))[:MOST_LANES]
    lanes = (_lane(door, ip, by_pair[door, ip], start, end) for door, ip in sorted(fullest))
    return tuple(lanes), len(by_pair) - len(fullest)


def _lane(door: str, ip: str, openings: list[Opening], start: float, end: float) -> Lane:
    host = next((one.host for one in reversed(openings) if one.host), "") if ip else ""
    until = [following.time for _, following in pairwise(openings)] + [end]
    marks = []
    for one, limit in zip(openings, until, strict=True):
        closed = limit if one.end is End.NOT_CLOSED else one.closed
        if closed is None or one.end is End.NOT_OPENED:
            closed = one.time
        x = place(one.time, start, end)
        marks.append(Mark(x, round(place(closed, start, end) - x, 3), one))
    return Lane(door, ip, host, tuple(marks))


def find_openers(openings: Iterable[Opening]) -> tuple[Source, ...]:
    """The addresses with most openings; what never opened does not count."""
    counts: dict[str, int] = {}
    hosts: dict[str, str] = {}
    for one in openings:
        if one.end not in OPENED_NOTHING:
            counts[one.ip] = counts.get(one.ip, 0) + 1
            hosts[one.ip] = one.host or hosts.get(one.ip, "")
    first = sorted(counts, key=lambda ip: (-counts[ip], ip))[:MOST_SOURCES]
    return _scaled([(ip, hosts[ip], (counts[ip],)) for ip in first])


def find_scanners(scanners: Iterable[Scanner]) -> tuple[Source, ...]:
    """The scanners that sent most; their parts are failed knocks and touches of guard ports."""
    first = sorted(scanners, key=lambda one: (-one.attempts - one.guards, one.source))[:MOST_SOURCES]
    return _scaled(
        [
            (
                one.source,
                f"{one.addresses:,} addresses" if one.addresses > 1 else "",
                (one.attempts, one.guards),
            )
            for one in first
        ]
    )


def _scaled(rows: list[tuple[str, str, tuple[int, ...]]]) -> tuple[Source, ...]:
    most = max((sum(counts) for _, _, counts in rows), default=0)
    return tuple(
        Source(name, note, tuple((round(100 * count / most, 3), count) for count in counts), sum(counts))
        for name, note, counts in rows
        if most
    )


def find_tiles(hours: Sequence[Sequence[int]]) -> tuple[Tile, ...]:
    """A tile for each hour of the week, days first."""
    most = max((count for row in hours for count in row), default=0)
    return tuple(
        Tile(day, hour, count, -(-count * LEVELS // most) if count else 0)
        for day, row in enumerate(hours)
        for hour, count in enumerate(row)
    )


def find_ranges(hours: Sequence[Sequence[int]]) -> tuple[tuple[int, int, int], ...]:
    """What the shades of a heat map stand for: (level, from, to), without those that no number has."""
    most = max((count for row in hours for count in row), default=0)
    bounds = [most * level // LEVELS for level in range(LEVELS + 1)]
    return tuple((at + 1, low + 1, high) for at, (low, high) in enumerate(pairwise(bounds)) if low < high)
