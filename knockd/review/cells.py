"""Text in columns of a terminal: how wide it is, cut and padded to a width, rows under each other.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from textwrap import wrap
from unicodedata import category, east_asian_width

from knockd_conf.text import printable

NARROWEST = 6
"""A column is not made narrower than this."""

GAP = "  "
LONGEST = 1_000
"""Characters of a text that are looked at: no terminal is wider."""


def count_of(number: int, one: str, many: str) -> str:
    """``1 address``, ``2 addresses``."""
    return f"{number:,} {one if number == 1 else many}"


def width_of(text: str) -> int:
    """How many columns a printable text takes: 2 for wide characters (UAX 11), 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def cut_to(text: str, width: int, mark: str = "…") -> str:
    """``text``, escaped, in at most ``width`` columns; ``mark`` stands for what is left out."""
    text = printable(text[:LONGEST])
    if width_of(text) <= width:
        return text
    room = max(0, width - width_of(mark))
    fits = sum(1 for used in accumulate(map(_width, text)) if used <= room)
    return text[:fits] + mark if width >= width_of(mark) else ""


def pad_to(text: str, width: int, right: bool = False) -> str:
    """``text`` with spaces up to ``width`` columns, in front of it with ``right``."""
    spaces = " " * (width - width_of(text))
    return spaces + text if right else text + spaces


def wrap_to(
    text: str, columns: int, mark: str = "…", *, indent: str = "", most: int | None = None
) -> list[str]:
    """``text``, escaped, in lines of at most ``columns``, all but the first with two indents.

    With ``most`` lines at most; ``mark`` stands for what is left out.
    """
    text = printable(text)
    for width in (columns, columns // 2):  # the latter for characters of two columns
        lines = wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=2 * indent,
            max_lines=most,
            break_on_hyphens=False,  # a path is to be copied
            placeholder=f" {mark}",
        )
        if all(width_of(line) <= columns for line in lines):
            break
    return lines


def lay_out(
    rows: Sequence[Sequence[str]],
    columns: int,
    mark: str = "…",
    numbers: frozenset[int] = frozenset(),
    least: Sequence[int] = (),
) -> list[str]:
    """Rows of cells as lines of at most ``columns``, for which the widest column is cut, and again.

    ``numbers`` are columns that stand right. ``least`` are widths to which columns are cut before any of
    them is cut more.
    """
    if not rows:
        return []
    texts = [[printable(cell[:LONGEST]) for cell in row] for row in rows]
    widths = [max(map(width_of, cells)) for cells in zip(*texts, strict=True)]
    room = columns - len(GAP) * (len(widths) - 1)
    for floor in (least, ()):
        while sum(widths) > room:
            spare = [width - (floor[at] if floor else NARROWEST) for at, width in enumerate(widths)]
            if max(spare) <= 0:
                break
            widths[spare.index(max(spare))] -= 1
    lines = []
    for row in texts:
        cells = [
            pad_to(cut_to(cell, width, mark), width, right=at in numbers)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(cut_to(GAP.join(cells).rstrip(), columns, mark))
    return lines


def _width(character: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
