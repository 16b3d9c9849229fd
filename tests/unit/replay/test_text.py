"""Text for people: wrapped lines, counts with their noun."""

from __future__ import annotations

import pytest

from knockd.replay.text import count_packets, wrap


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["one two", "three"]),
        ({"head": "- "}, ["- one", "  two", "  three"]),
        ({"indent": " "}, ["one two", " three"]),
    ],
)
def test_lines(given: dict[str, str], lines: list[str]) -> None:
    """The lines behind the first one are indented as it is, or as it was asked for."""
    assert lines == wrap("one two three", 7, **given)


def test_long_words() -> None:
    """Addresses and names stay whole."""
    assert ["a-long-name", "b"] == wrap("a-long-name b", 5)


@pytest.mark.parametrize(("count", "text"), [(0, "0 packets"), (1, "1 packet"), (2_000, "2,000 packets")])
def test_packets(count: int, text: str) -> None:
    """One is singular, thousands are told apart."""
    assert text == count_packets(count)
