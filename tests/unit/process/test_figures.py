"""How many figures may come."""

from __future__ import annotations

from typing import get_args

from knockd.process.figures import MOST_UNDERWAY, Figure, count_figures
from knockd.process.verbs import Message


def test_count() -> None:
    """An answer has each interface, so many attempts, and the totals."""
    assert count_figures(3) == 3 + MOST_UNDERWAY + 1


def test_figures_are_messages() -> None:
    """Each kind of figure is a verb of the link."""
    assert set(get_args(Figure)) < set(get_args(Message))
