"""A screen of the terminal that is drawn again and again, and the one before it when that ends.

It is drawn on the alternate screen (xterm's, which all terminals of today have). Nothing is read.

World: the terminal and the process's signals.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

from knockd.ctl.terminal import find_lines

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""To the alternate screen, without a cursor, and back."""
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[2K", "\x1b[J"

LINES = 24
"""Of a terminal that does not say."""

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ends the process in order, besides ^C."""


class LiveScreen:
    """The alternate screen, from entering the context to leaving it however that comes.

    ``redraw`` is called from a signal handler when the screen has another size, ``pause`` when the process
    is to stop (^Z): the caller draws, or calls ``stop``, in its own time.
    """

    def __init__(self, redraw: Callable[[], None], pause: Callable[[], None]) -> None:
        self._redraw, self._pause = redraw, pause
        self._before: dict[int, Any] = {}

    def __enter__(self) -> LiveScreen:
        """Takes the screen and the signals."""
        for number in ENDING:
            self._before[number] = signal.signal(number, _end)
        self._before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: self._redraw())
        self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, lambda *_: self._pause())
        _write(ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives both back."""
        _write(LEAVE)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def draw(self, lines: Sequence[str]) -> None:
        """Shows the first lines, as many as there is room for."""
        room = find_lines(LINES)
        if len(lines) > room:
            left = len(lines) - room + 1
            lines = [*lines[: room - 1], f"({left} more lines: knockctl status | less)"]
        _write(HOME + "\n".join(CLEAR_LINE + line for line in lines) + CLEAR_BELOW)

    def stop(self) -> None:
        """Stops the process as ^Z does, with the screen as it was before; returns when it goes on."""
        _write(LEAVE)
        pause = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, pause)
        _write(ENTER)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
