"""The interface in varlink's language: another implementation of varlink reads it."""

from __future__ import annotations

import pytest
from varlink import Interface

from knockd.control.interface import DESCRIPTION, NAME

MADE = Interface(DESCRIPTION)


def test_name() -> None:
    """The description is of the interface that has the name."""
    assert NAME == MADE.name


@pytest.mark.parametrize(
    "method", ["Status", "Counters", "Open", "Close", "Extend", "Forget", "Reload", "Test"]
)
def test_methods(method: str) -> None:
    """Each method is read."""
    assert method == MADE.get_method(method).name
