"""The command that is run when the door is open.

World: other programs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from knockd.client.status import NOT_EXECUTABLE, NOT_FOUND, Refused

BECOMES = os.name == "posix"
"""Whether a process can become another program: on Windows execvp starts a second one and ends the first."""


def run_command(argv: Sequence[str]) -> int:
    """Become the command, or on Windows, where no process can, run it and return its exit status.

    Raises Refused, with the status that shells have for it, where it cannot be run.
    """
    sys.stdout.flush()
    try:
        if BECOMES:
            with _default_signals():
                os.execvp(argv[0], list(argv))
        import subprocess

        return subprocess.run(list(argv), check=False).returncode
    except FileNotFoundError:
        raise Refused(
            NOT_FOUND, f"command {argv[0]!r}: expected a program, found none of this name"
        ) from None
    except OSError as error:
        raise Refused(NOT_EXECUTABLE, f"command {argv[0]!r}: cannot be run: {error.strerror}") from None


@contextmanager
def _default_signals() -> Iterator[None]:
    """Gives a command the signals that Python ignores: without SIGPIPE many do not end with their reader."""
    import signal

    names = [name for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    before = [
        (number, signal.signal(number, signal.SIG_DFL)) for number in (getattr(signal, n) for n in names)
    ]
    try:
        yield
    finally:  # it could not be run: we go on
        for number, handler in before:
            signal.signal(number, handler)
