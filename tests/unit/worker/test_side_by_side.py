"""Many things are done at once, and their results come in order."""

from __future__ import annotations

import threading

import pytest

from knockd.worker.side_by_side import do_side_by_side


@pytest.mark.parametrize("many", [0, 1, 3, 100])
def test_results(many: int) -> None:
    """Each item has its result, in the order of the items."""
    assert do_side_by_side(lambda item: item * 2, range(many), 4) == [item * 2 for item in range(many)]


def test_at_once() -> None:
    """As many are under way as there are threads."""
    meet = threading.Barrier(4)
    assert do_side_by_side(lambda _: meet.wait(60) >= 0, range(8), 4) == [True] * 8


def test_errors() -> None:
    """An error of one is raised when all have ended."""
    with pytest.raises(ZeroDivisionError):
        do_side_by_side(lambda item: 1 // item, [3, 2, 1, 0, 5], 2)
