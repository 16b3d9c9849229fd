"""Records ``make demo`` and draws it: ``make demo-picture``.

docs/demo.cast is what a terminal showed, as asciinema keeps it (asciicast v2); docs/demo.svg is drawn from
it. The picture plays once and stays at its end; where motion is not wanted it is at its end at once.
"""

from __future__ import annotations

import json
import os
import pty
import re
import sys
import time
from html import escape
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parents[3] / "docs"
CAST, PICTURE = DOCS / "demo.cast", DOCS / "demo.svg"
COLUMNS = 96
FONT, ADVANCE, HEIGHT, MARGIN = 14, 8.43, 18, 16
"""Size of the letters, width of one, height of a line and space around them, in pixels."""

LONGEST_PAUSE = 2.5
"""Seconds; a longer one is cut, as by asciinema's ``--idle-time-limit``."""

TYPING = 1.2
"""Seconds that a command stands alone before its answer comes, so that it can be read."""

COLOURS = {"1": "b", "32": "g", "36": "k"}
"""SGR codes of the demo: a command, what came out well, what knockd says."""

STYLE = """
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #d6d9df; white-space: pre }
.b { fill: #fff; font-weight: bold } .g { fill: #7ee787 } .k { fill: #79c0ff }
@media (prefers-reduced-motion: no-preference) {
  text { opacity: 0; animation: show .15s linear forwards }
  @keyframes show { to { opacity: 1 } }
}
"""


class Line(NamedTuple):
    """A line of the terminal, with its escape sequences, and the second at which it was there."""

    at: float
    text: str


def record_demo() -> str:
    """The demo on a terminal of its own, as asciicast v2. Raises RuntimeError where it fails."""
    header = {"version": 2, "width": COLUMNS, "height": 40, "title": "make demo"}
    parts, begin = [json.dumps(header)], time.monotonic()

    def keep(descriptor: int) -> bytes:
        data = os.read(descriptor, 1 << 16)
        parts.append(json.dumps([round(time.monotonic() - begin, 3), "o", data.decode()]))
        return data

    if pty.spawn([sys.executable, "-m", "tests.demo"], keep) != 0:
        raise RuntimeError("the demo failed: make demo says why")
    return "".join(f"{part}\n" for part in parts)


def read_lines(cast: str) -> list[Line]:
    """The lines of a cast. The demo moves no cursor, so each line is whole when its end is there."""
    lines, rest = [], ""
    for part in cast.splitlines()[1:]:
        at, _, text = json.loads(part)
        *whole, rest = (rest + text).replace("\r\n", "\n").split("\n")
        lines += [Line(at, one) for one in whole]
    return lines


def set_pace(lines: list[Line]) -> list[Line]:
    """The lines at times at which they can be read: no long pause, and one behind each command."""
    paced, now = list[Line](), 0.0
    for before, line in zip([lines[0], *lines], lines, strict=False):
        now += min(line.at - before.at, LONGEST_PAUSE) + (TYPING if "$ \x1b[1m" in before.text else 0)
        paced.append(Line(now, line.text))
    return paced


def fold(line: Line) -> list[Line]:
    """A line in pieces that fit the terminal; the colour goes on."""
    colour = found[0] if (found := re.match(r"\x1b\[\d+m", line.text)) else ""
    text = line.text.removeprefix(colour).removesuffix("\x1b[0m" if colour else "")
    pieces = [text[at : at + COLUMNS] for at in range(0, max(len(text), 1), COLUMNS)]
    return [Line(line.at, f"{colour}{piece}") for piece in pieces]


def draw(cast: str) -> str:
    """A cast as SVG."""
    lines = [piece for line in set_pace(read_lines(cast)) for piece in fold(line)]
    width = round(COLUMNS * ADVANCE) + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN
    shown = "".join(
        f'<text x="{MARGIN}" y="{MARGIN + FONT + number * HEIGHT}" style="animation-delay:{line.at:.2f}s">'
        f"{mark_up(line.text)}</text>\n"
        for number, line in enumerate(lines)
        if line.text
    )
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n'
        f"<title>make demo</title>\n<style>{STYLE}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#16181d"/>\n{shown}</svg>\n'
    )


def mark_up(text: str) -> str:
    """A line with a ``tspan`` for each of its colours."""
    parts = re.split(r"\x1b\[(\d+)m", f"\x1b[0m{text}")[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return "".join(
        f'<tspan class="{COLOURS[code]}">{escape(part)}</tspan>' if code in COLOURS else escape(part)
        for code, part in pairs
        if part
    )


def main() -> None:
    """Writes both."""
    cast = record_demo()
    CAST.write_text(cast)
    PICTURE.write_text(draw(cast))


if __name__ == "__main__":
    main()
