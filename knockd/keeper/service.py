"""Messages for the service manager: ready, reloading, stopping, a line of status, signs of life.

Without a service manager nothing is sent and no timer is set. With a watchdog a sign of life is
sent when the packet process has given one, or when there is none: then the keeper is all there
is (it waits for an interface or to start another), and a restart would do no more than it does.

Loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from knockd.keeper.life import Life
from knockd.keeper.notify import Manager
from knockd.keeper.status_line import StatusLine
from knockd.process.loop import Loop, Timer

STATUS_EVERY = 1.0
"""Seconds between two lines of status, however much happens."""

RETRY_AFTER = 0.1
"""Seconds until a message is sent again to a service manager that does not read."""

MARGIN = 10.0
"""Seconds that the end may take besides closing doors."""

MOST_UNSENT = 16
"""Messages that wait for it; older ones are dropped."""


class Service:
    """Reports the daemon's life and status to the service manager.

    ``send`` sends one message (``notify.send_fields``), ``clock`` gives nanoseconds of CLOCK_MONOTONIC,
    ``pid`` is the daemon's. ``status`` makes the line of status. ``fail`` hears once why the service
    manager cannot be told. ``ask`` asks the packet process for a sign of life within the seconds given
    and returns False when there is none. ``patience`` says how many seconds open doors get to be closed in.
    """

    def __init__(
        self,
        loop: Loop,
        manager: Manager,
        send: Callable[[str, Mapping[str, object]], None],
        *,
        clock: Callable[[], int],
        pid: int,
        status: Callable[[], StatusLine],
        fail: Callable[[str], None],
        ask: Callable[[float], bool],
        patience: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._manager = manager
        self._send = send
        self._clock = clock
        self._pid = pid
        self._status = status
        self._fail = fail
        self._ask = ask
        self._patience = patience
        self._life = Life.STARTING
        self._failed = False
        self._shown = ""
        self._unsent: deque[Mapping[str, object]] = deque(maxlen=MOST_UNSENT)
        self._retry: Timer | None = None
        self._pause: Timer | None = None
        self._again: Timer | None = None
        """Until a line that nothing has changed is made anew: none while nobody is in."""
        if manager.problem:
            self._report_failure(manager.problem)

    def enter(self, before: Life, life: Life) -> None:
        """Reports a transition of the daemon's life. A start that failed was never ready: no message."""
        self._life = life
        if life is Life.UP:
            self._report_ready(first=before is Life.STARTING)
        elif life is Life.RELOADING:
            # sd_notify(3): of the same clock as the service manager's, to tell this reload from others.
            self._queue({"RELOADING": 1, "MONOTONIC_USEC": self._clock() // 1_000})
        elif before is not Life.STARTING:
            # An older unit, or a drop-in, may give less time than the end may take: TimeoutStopSec.
            seconds = self._patience() + MARGIN
            self._queue(
                {"STOPPING": 1, "STATUS": "closing doors", "EXTEND_TIMEOUT_USEC": round(seconds * 1_000_000)}
            )

    def update_status(self) -> None:
        """Reports the line of status if it has changed, soon after the one before."""
        if self._life not in {Life.UP, Life.RELOADING} or self._pause is not None:
            return
        if self._manager.address is None:
            return
        status = self._make_line()
        if status != self._shown:
            self._shown = status
            self._queue({"STATUS": status})
            self._pause = self._loop.call_later(STATUS_EVERY, self._end_pause)

    def _make_line(self) -> str:
        """The line of now; it is made again when it is no longer good."""
        text, good_for = self._status()
        if self._again is not None:
            self._again.cancel()
        self._again = None if good_for is None else self._loop.call_later(good_for, self.update_status)
        return text

    def send_sign_of_life(self) -> None:
        """Tells a watchdog that keeper and packet process are well."""
        if self._manager.watchdog is not None:
            self._queue({"WATCHDOG": 1})

    def _report_ready(self, *, first: bool) -> None:
        message: dict[str, object] = {"READY": 1}
        if first and self._pid != self._manager.pid:
            message["MAINPID"] = self._pid  # with -d
        if self._manager.address is not None:
            self._shown = message["STATUS"] = self._make_line()
        self._queue(message)
        if first and self._manager.watchdog is not None:
            self._watch_in(self._manager.watchdog / 2)

    def _end_pause(self) -> None:
        self._pause = None
        self.update_status()

    def _watch_in(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._watch, seconds)

    def _watch(self, seconds: float) -> None:
        # What hangs is replaced after three quarters of the watchdog's time, and is well before it is over.
        self._watch_in(seconds)
        if not self._ask(seconds / 2):
            self.send_sign_of_life()

    def _queue(self, message: Mapping[str, object]) -> None:
        if self._manager.address is not None:
            self._unsent.append(message)
            if self._retry is None:
                self._flush(self._manager.address)

    def _flush(self, address: str) -> None:
        self._retry = None
        while self._unsent:
            try:
                self._send(address, self._unsent[0])
            except BlockingIOError:
                self._retry = self._loop.call_later(RETRY_AFTER, self._flush, address)
                return
            except OSError as error:
                self._report_failure(str(error.strerror or error))
            self._unsent.popleft()

    def _report_failure(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._fail(reason)
