"""Events and commands are values."""

from __future__ import annotations

import pytest

from knockd.keeper.worker_events import Ended, Kill, Log


def test_equal() -> None:
    """Values of one kind are equal when their fields are."""
    assert Log("x", {"a": 1}) == Log("x", {"a": 1})
    assert Kill(1) != Kill(2)


def test_frozen() -> None:
    """Nothing changes after it was said."""
    with pytest.raises(AttributeError):
        Ended(1).number = 2  # type: ignore[misc]
