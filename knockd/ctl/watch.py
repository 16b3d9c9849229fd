"""``knockctl status --watch``: answers as they come, and seconds that are counted down between them.

World: the process, its standard streams and the control socket.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any

from knockd.ctl.countdown import pass_time
from knockd.ctl.live_screen import LiveScreen
from knockd.ctl.reply import Status, read_status
from knockd.ctl.terminal import find_columns, is_terminal

SECOND = 1.0

Replies = Iterator[Mapping[str, Any]]
Format = Callable[[Status], list[str]]
"""Makes lines of a status, as it is now."""


class Told(Enum):
    """What may come besides an answer or an error."""

    END = "no more answers"
    REDRAW = "another size of the screen"
    PAUSE = "^Z"


class _Answers:
    """Answers as they come, read by a thread: the rest of the process waits for signals and seconds, too."""

    def __init__(self, replies: Replies) -> None:
        # Signal handlers put into it, which is safe with SimpleQueue alone.
        self._queue: SimpleQueue[Mapping[str, Any] | BaseException | Told] = SimpleQueue()
        self._replies = replies
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, told: Told) -> None:
        """Has ``wait`` return this."""
        self._queue.put(told)

    def wait(self, seconds: float) -> Mapping[str, Any] | Told | None:
        """The next answer, or what else was told; None when the seconds are over. Raises as ``replies``."""
        try:
            found = self._queue.get(timeout=seconds)
        except Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def _read(self) -> None:
        try:
            for reply in self._replies:
                self._queue.put(reply)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._queue.put(error)
        else:
            self._queue.put(Told.END)


def watch_status(replies: Replies, format_lines: Format) -> None:
    """Shows each answer until there are no more; on a terminal in place, else one after the other.

    Raises what ``replies`` does.
    """
    if is_terminal(1) and os.environ.get("TERM", "dumb") != "dumb":
        _redraw(_Answers(replies), format_lines)
        return
    for at, reply in enumerate(replies):
        lines = format_lines(read_status(reply))
        if at:
            print("-" * find_columns())
        print("\n".join(lines), flush=True)


def _redraw(answers: _Answers, format_lines: Format) -> None:
    status, since = None, 0.0
    with LiveScreen(lambda: answers.tell(Told.REDRAW), lambda: answers.tell(Told.PAUSE)) as screen:
        while (told := answers.wait(SECOND)) is not Told.END:
            if told is Told.PAUSE:
                screen.stop()
            elif isinstance(told, Mapping):
                status, since = read_status(told), time.monotonic()
            if status is not None:
                screen.draw(format_lines(pass_time(status, time.monotonic() - since)))
