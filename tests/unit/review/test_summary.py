"""The values of a summary."""

from __future__ import annotations

from knockd.review.summary import End


def test_ends_are_words() -> None:
    """How an opening ended is printed as it is."""
    assert f"{End.NOT_CLOSED}" == "not closed"
