"""What a benchmark returns: figures for ours and for 0.8, notes, curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]
"""Tells the person at the terminal how far it has come."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``good`` says whether ours meets ``target``; None where there is none.

    A figure that somebody does not have is None.
    """

    name: str
    unit: str
    ours: float | None
    peer: float | None = None
    target: str = ""
    good: bool | None = None

    @property
    def ratio(self) -> float | None:
        """How many times 0.8's figure ours is."""
        if self.ours is None or not self.peer:
            return None
        return self.ours / self.peer


def at_most(name: str, unit: str, ours: float | None, limit: float, peer: float | None = None) -> Figure:
    """A figure whose target is an upper bound."""
    return Figure(name, unit, ours, peer, f"<= {limit:g}", ours is not None and ours <= limit)


def at_least(name: str, unit: str, ours: float | None, limit: float, peer: float | None = None) -> Figure:
    """A figure whose target is a lower bound."""
    return Figure(name, unit, ours, peer, f">= {limit:g}", ours is not None and ours >= limit)


@dataclass(frozen=True)
class Point:
    """Both daemons at one flood rate: share of knocks that opened in time, share of a processor."""

    rate: float
    opened: dict[str, float]
    cpu: dict[str, float]


@dataclass(frozen=True)
class Picture:
    """A plot beside the page: name of its file, what it shows in words, and the file."""

    name: str
    shows: str
    svg: str


@dataclass(frozen=True)
class Outcome:
    """What one benchmark found. ``how`` says how it was measured, ``notes`` what to know of the result."""

    title: str
    how: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    picture: Picture | None = None
