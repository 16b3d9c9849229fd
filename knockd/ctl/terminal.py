"""What standard output and standard error are: width, colour, characters; a progress line.

World: the process and its standard streams.
"""

from __future__ import annotations

import os
import sys
import time

COLUMNS = 80
"""Width of what is no terminal."""

FEWEST_COLUMNS = 40


def prepare_output() -> None:
    """What the terminal's encoding has no character for is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def complain(text: str, subcommand: str = "log") -> None:
    """Writes ``knockctl SUBCOMMAND: ...`` to standard error."""
    print(f"knockctl {subcommand}: {text}", file=sys.stderr, flush=True)


def shows_blocks() -> bool:
    """Whether the encoding of standard output has block characters."""
    try:
        "▁█…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def wants_colour() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody said NO_COLOR (no-color.org)."""
    return is_terminal(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def find_columns() -> int:
    """The width of the terminal, else $COLUMNS, else 80."""
    try:
        columns = os.get_terminal_size(1).columns
    except OSError:
        columns = 0
    if not columns:
        text = os.environ.get("COLUMNS", "")
        columns = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else COLUMNS
    return max(columns, FEWEST_COLUMNS)


def find_lines(default: int) -> int:
    """The height of the terminal without the line of the next prompt, else ``default``."""
    try:
        lines = os.get_terminal_size(1).lines
    except OSError:
        lines = 0
    return lines - 1 if lines > 1 else default


class Progress:
    """A line on standard error that says how much was read, once it takes longer than a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1.0 if is_terminal(2) else float("inf")
        self._shown = False

    def report(self, done: int, size: int) -> None:
        """Shows bytes that were read, of how many; 0: nobody knows."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.2
        self._shown = True
        part = (
            f"{min(100 * done // size, 100)} % of {size / 1e6:,.0f} MB" if size else f"{done / 1e6:,.0f} MB"
        )
        sys.stderr.write(f"\rreading: {part} ")
        sys.stderr.flush()

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * 40 + "\r")
            sys.stderr.flush()
            self._shown = False


def is_terminal(descriptor: int) -> bool:
    """Whether a descriptor is a terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
