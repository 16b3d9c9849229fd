"""Text in columns."""

from __future__ import annotations

import pytest

from knockd.review.cells import count_of, cut_to, lay_out, pad_to, width_of, wrap_to


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("door", 4), ("门口", 4), ("e\u0301", 1), ("\uff57", 2), ("é", 1)]
)
def test_widths(text: str, width: int) -> None:
    """Wide characters take two columns, combining ones none."""
    assert width_of(text) == width
    assert width_of(pad_to(text, 9)) == width_of(pad_to(text, 9, right=True)) == 9


def test_cutting() -> None:
    """What does not fit ends with a mark, and a wide character is not halved."""
    assert cut_to("opening", 7) == "opening"
    assert cut_to("opening", 5) == "open…"
    assert cut_to("opening", 5, "...") == "op..."
    assert cut_to("门口的", 4) == "门…"
    assert cut_to("opening", 0) == ""


def test_hostile_text() -> None:
    """What moves a cursor is an escape, also across the cut."""
    assert cut_to("\x1b[2J", 80) == r"\x1b[2J"
    assert all(line.isprintable() for line in lay_out([("\x1b[2J\n" * 9, "a\rb")], 20))


def test_rows() -> None:
    """Columns stand under each other, numbers to the right, and nothing is behind the last one."""
    rows = [("door", "openings"), ("ssh", "12"), ("门", "3")]
    assert lay_out(rows, 80, numbers=frozenset({1})) == [
        "door  openings",
        "ssh         12",
        "门           3",
    ]
    assert lay_out([("a", "b"), ("long", "")], 80) == ["a     b", "long"]
    assert lay_out([], 80) == []


def test_the_widest_is_cut() -> None:
    """A column that is long gives way, first down to what each needs at least, then on."""
    row = ("x" * 40, "y" * 30)
    (line,) = lay_out([row], 42, least=(8, 30))
    assert line == f"{'x' * 9}…  {'y' * 30}"
    (line,) = lay_out([row], 20, least=(8, 30))
    assert width_of(line) <= 20
    assert "x" in line
    assert width_of(lay_out([("x" * 9,) * 9], 40)[0]) <= 40


def test_very_long_text() -> None:
    """A name of a million characters costs no more than what is shown."""
    assert lay_out([("x" * 1_000_000,)], 10) == ["xxxxxxxxx…"]


def test_numbers_with_nouns() -> None:
    """One is singular."""
    assert count_of(1, "address", "addresses") == "1 address"
    assert count_of(1_000, "address", "addresses") == "1,000 addresses"


def test_wrapped() -> None:
    """Sentences are wrapped to a width, whatever it is that they hold, and cut with a mark."""
    assert wrap_to("one two three", 8, indent=" ") == [" one two", "  three"]
    assert wrap_to("one two three", 8, "...", most=1) == ["one ..."]
    assert wrap_to("a\nb", 80) == [r"a\nb"]
    assert all(width_of(line) <= 10 for line in wrap_to("门门门门门门门门门门", 10))
