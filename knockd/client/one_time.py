"""The client's own copy of a one-time file: which sequence is next, and striking it out as the daemon does.

Only one byte of the file is ever written, in its place, so nothing is lost whenever this is interrupted.

World: files.
"""

from __future__ import annotations

import os

from knockd.client.hits import Hit
from knockd.client.private_file import read_private
from knockd.client.status import CONFIG, IO_ERROR, NO_INPUT, Refused
from knockd_conf.classes import NamedTuple
from knockd_conf.one_time import MAX_SIZE, find_live_line, parse_one_time, strike_line
from knockd_conf.text import printable

WHAT = "one-time file"


class NextLine(NamedTuple):
    """The first sequence that is not struck out.

    ``number`` is its line's, from 1; ``left`` counts it and the sequences behind it.
    """

    path: str
    number: int
    left: int
    hits: tuple[Hit, ...]
    offset: int
    text: bytes
    """The whole line, to know it again."""

    def __repr__(self) -> str:
        return f"NextLine({self.path!r}, {self.number})"  # no traceback shows a sequence


def read_next_line(path: str) -> tuple[NextLine, tuple[str, ...]]:
    """The sequence to knock, and what is wrong with other lines. Raises Refused, also where none is left."""
    data = read_private(path, MAX_SIZE, WHAT)
    found = parse_one_time(data)
    problems = tuple(f"{printable(path)}: {problem}" for problem in found.problems)
    if found.live is None:
        none = f"{WHAT} {printable(path)}: expected a sequence that is not struck out, got none"
        raise Refused(CONFIG, *problems, f"{none}; copy a new file from the server")
    offset = found.live.offset
    hits = tuple(Hit(str(step.port), step.port, step.protocol) for step in found.live.steps)
    number = data.count(b"\n", 0, offset) + 1
    return NextLine(path, number, found.left, hits, offset, _line(data, offset)), problems


def strike_out(line: NextLine) -> None:
    """Write a ``#`` over the line's first byte, as the daemon does, and wait until the disk has it.

    A line that somebody else has struck out meanwhile is left as it is. Raises Refused.
    """
    place = f"{WHAT} {printable(line.path)}"
    try:
        with open(line.path, "r+b", buffering=0) as file:
            data = file.read(MAX_SIZE + 1)
            now = _line(data, line.offset)
            if now == b"#" + line.text[1:]:
                return
            live = find_live_line(data)
            if now != line.text or live is None or live.offset != line.offset:
                changed = f"expected line {line.number} as it was, got another: the file has been changed"
                raise Refused(IO_ERROR, f"{place}: {changed}; strike out by hand what was knocked")
            struck = strike_line(data, line.offset)
            file.seek(line.offset)
            file.write(struck[line.offset : line.offset + 1])
            os.fsync(file.fileno())
    except OSError as error:
        raise Refused(
            NO_INPUT,
            f"{place}: line {line.number} is not struck out: {error.strerror}; write # over its first byte",
        ) from None


def advise_mark(line: NextLine) -> str:
    """How to strike the line out without a knock."""
    from shlex import quote

    command = f"knock --mark --sequence-file {quote(printable(line.path))}"
    where = f"line {line.number} of {printable(line.path)}"
    return f"{where} is not struck out: when the daemon has used it, run {command}"


def _line(data: bytes, offset: int) -> bytes:
    return data[offset:].partition(b"\n")[0]
