"""A terminal of a test's own: a program runs on it, keys are typed, and what it writes is kept."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Sequence
from types import TracebackType

from tests.support.lab.waiting import wait_until

KEYS = {"^C": b"\x03", "^Z": b"\x1a"}

HEED = ("env", "--default-signal=INT")
"""A test runner in the background of a shell ignores interrupts, and its children would."""


class Terminal:
    """A program whose standard streams are a terminal, until it ends or the context is left.

    ``said`` is all that was written so far, with its escape sequences.
    """

    def __init__(
        self, argv: Sequence[str], environment: dict[str, str], lines: int = 24, columns: int = 80
    ) -> None:
        self._argv, self._environment, self._size = argv, environment, (lines, columns)
        self.said = ""

    def __enter__(self) -> Terminal:
        """Starts the program, in a session of its own whose terminal this is."""
        self._ours, theirs = pty.openpty()
        self.resize(*self._size)
        self.process = subprocess.Popen(
            (*HEED, "/bin/sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(theirs), *self._argv),
            env=self._environment,
            start_new_session=True,  # whose leader gets the terminal that it opens first
        )
        self._theirs = theirs  # a terminal that nobody has open says nothing but errors
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills the program if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        os.close(self._ours)

    def type(self, key: str) -> None:
        """Types one of KEYS."""
        os.write(self._ours, KEYS[key])

    def write(self, text: str) -> None:
        """Types a text; Enter is ``\r``."""
        os.write(self._ours, text.encode())

    def resize(self, lines: int, columns: int) -> None:
        """Gives the terminal another size, of which the kernel tells the program."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, text: str, times: int = 1, timeout: float = 20.0) -> None:
        """Waits until a text was written so many times."""

        def seen() -> bool:
            self._read()
            return self.said.count(text) >= times

        try:
            wait_until(seen, timeout, f"{times} times {text!r}")
        except AssertionError as failed:
            failed.add_note(repr(self.said[-3_000:]))
            raise

    def wait_for_end(self, timeout: float = 20.0) -> int:
        """Waits until the program has ended; its exit status."""

        def ended() -> bool:
            self._read()
            return self.process.poll() is not None

        wait_until(ended, timeout, "the end of the program")
        self._read()
        return int(self.process.returncode)

    def _read(self) -> None:
        while select.select([self._ours], [], [], 0)[0]:
            self.said += os.read(self._ours, 65_536).decode()
