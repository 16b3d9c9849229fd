"""One-time sequence files as bytes: which line is live, and how a used one is struck out. Pure.

One sequence a line, blank lines and lines that begin with ``#`` skipped; the first valid line is the
door's sequence and a ``#`` over its first byte ends it (knockd 0.8). The files themselves are the caller's.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from knockd_conf import fields
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step

MAX_SIZE: Final = 1_048_576
"""Largest file, in bytes; callers read at most one byte more and let ``parse_one_time`` refuse it."""

MAX_LINE: Final = 1_024
"""Longest line, in bytes: 32 steps of ``65535:tcp`` with room for spaces."""

MAX_PROBLEMS: Final = 20
"""How many invalid lines ``parse_one_time`` describes; the rest are only counted."""

_SPACE: Final = " \t\r\v\f"


class LiveLine(NamedTuple):
    """The sequence that opens the door next: the byte offset of its line's first byte, and its steps."""

    offset: int
    steps: tuple[Step, ...]


class OneTimeFile(NamedTuple):
    """What a one-time file holds: the live line, how many valid lines are left, and invalid lines.

    Each problem is one sentence with its line number and never shows the line: it is a secret.
    """

    live: LiveLine | None
    left: int
    problems: tuple[str, ...]


def find_live_line(data: bytes) -> LiveLine | None:
    """The first valid line of a file's bytes, None when no line is left; never raises."""
    return next(find_lines(data), None)


def find_lines(data: bytes) -> Iterator[LiveLine]:
    """Every valid line of a file's bytes that is not struck out, in order; never raises."""
    if len(data) <= MAX_SIZE:
        yield from (found for _, found in _lines(data) if isinstance(found, LiveLine))


def parse_one_time(data: bytes) -> OneTimeFile:
    """Everything that a file's bytes say; never raises."""
    if len(data) > MAX_SIZE:
        return OneTimeFile(None, 0, (f"expected a file of at most {MAX_SIZE} bytes, got a larger one",))
    first: LiveLine | None = None
    left = bad = 0
    problems: list[str] = []
    for number, found in _lines(data):
        if isinstance(found, LiveLine):
            first = first or found
            left += 1
        else:
            bad += 1
            if len(problems) < MAX_PROBLEMS:
                problems.append(f"line {number}: {found} (not shown: it may be secret)")
    if bad > MAX_PROBLEMS:
        problems.append(f"and {bad - MAX_PROBLEMS} more lines that are not valid")
    return OneTimeFile(first, left, tuple(problems))


def strike_line(data: bytes, offset: int) -> bytes:
    """``data`` with the line that begins at byte ``offset`` ended; ValueError when none begins there."""
    starts_line = offset == 0 or data[offset - 1 : offset] == b"\n"
    if not 0 <= offset < len(data) or not starts_line:
        raise ValueError(f"expected the offset of a line, got {offset}")
    if data[offset : offset + 1] in (b"#", b"\n"):
        raise ValueError(f"expected the offset of a line that is in use, got {offset}")
    return data[:offset] + b"#" + data[offset + 1 :]


def written(steps: Iterable[Step]) -> str:
    """A sequence as text that is the same for all ways to write it."""
    return ",".join(map(str, steps))


def find_struck(data: bytes) -> Iterator[int]:
    """The offset of every line that begins with ``#``: one that was struck out, or a comment."""
    offset = 0
    for line in data.split(b"\n"):
        if line.startswith(b"#"):
            yield offset
        offset += len(line) + 1


def line_of(steps: Iterable[Step]) -> str:
    """A sequence as a line to be put into a file: with a space in front, which is what a ``#`` replaces."""
    return " " + ",".join(str(step).removesuffix(":tcp") for step in steps)


def _lines(data: bytes) -> Iterator[tuple[int, LiveLine | str]]:
    """(line number, live line or what was expected instead) for each line that is not skipped."""
    offset = 0
    for number, raw in enumerate(data.split(b"\n"), 1):
        # A used line begins with '#'; so does a comment, which may be indented.
        line = raw.decode("ascii", "replace").strip(_SPACE)
        if line and not line.startswith("#"):
            yield number, _parsed(offset, raw, line)
        offset += len(raw) + 1


def _parsed(offset: int, raw: bytes, line: str) -> LiveLine | str:
    if len(raw) > MAX_LINE:
        return f"expected a line of at most {MAX_LINE} bytes, got a longer one"
    try:
        return LiveLine(offset, fields.sequence(line))
    except ValueError:
        return "expected port[:tcp|udp] steps divided by commas, got something else"
