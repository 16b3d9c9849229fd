"""What knock writes: lines to standard output, and ``knock: ...`` to standard error.

World: standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO


def say(text: str) -> None:
    """Write a line, or several, to standard output now."""
    _write(text.removesuffix("\n"), sys.stdout, 1)


def tell(text: str) -> None:
    """Write ``knock: ...`` to standard error now."""
    _write(f"knock: {text}", sys.stderr, 2)


def announcer(*, verbose: bool, command: bool) -> Callable[[str], None]:
    """What prints lines for ``-v``, where a command follows on standard error; else it prints nothing."""
    if not verbose:
        return lambda _: None
    return tell if command else say


def _write(text: str, stream: TextIO, descriptor: int) -> None:
    """Print a line. A reader that has gone away must not stop the knock half-way."""
    encoding = stream.encoding or "utf-8"
    try:
        # A Windows console has no characters but its own.
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # Else the interpreter would fail on the unwritten rest when it ends.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, descriptor)
        os.close(sink)
