"""Where log lines go: the log file, syslog, standard output, the journal. One that fails stops no other.

A failure is reported to the other sinks and to standard error, once. The lines that a sink loses are
counted; their number goes to the others at most once a minute, and to the sink itself when it works again.

World: the clock.
"""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from knockd.log.file import LogFile
from knockd.log.render import render
from knockd.log.stream import Output
from knockd.log.syslog import Syslog, feeds_journal
from knockd_conf.classes import dataclass
from knockd_conf.model import LogFormat

REPORT_AGAIN = 60.0
"""Seconds after which the loss of lines is reported to the others again."""

_GONE = frozenset({errno.EPIPE, errno.EBADF})
"""Errors of a standard output that has no reader any more."""


class Sink(Protocol):
    """A destination of lines."""

    name: str

    def write(self, line: str) -> None:
        """Writes one line. Raises OSError when it was not written whole."""

    def close(self) -> None:
        """Closes its descriptors."""


@dataclass(slots=True)
class _Outlet:
    """A sink: why it fails (None: it works), how many lines it lost, when that was last reported."""

    sink: Sink
    reason: str | None = None
    lost: int = 0
    reported: float = 0.0


class Sinks:
    """All sinks of one configuration."""

    def __init__(
        self,
        path: str | None,
        *,
        use_syslog: bool,
        echo: bool,
        log_format: LogFormat,
        daemon: bool = False,
        journal: frozenset[int] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens the sinks: a log file if there is a path, syslog, standard output (``echo``).

        ``daemon``: standard output will be closed, so no other descriptor of it may stay open. ``journal``:
        which of the standard streams are systemd's journal; it has every line, and has it once.
        """
        self.path = path
        self._format = log_format
        self._clock = clock
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._errors = Output(2, own=False)
        self._output: _Outlet | None = _Outlet(Output(1, encoding=encoding, own=not daemon))
        echoed = echo and 1 in journal
        to_journal = bool(journal) and not echoed and not (use_syslog and feeds_journal())
        self._says_errors = 2 not in journal or not (echoed or to_journal)
        self._file = None if path is None else LogFile(path, stamped=log_format is LogFormat.CLASSIC)
        self._outlets: tuple[_Outlet, ...] = (
            *((self._output,) if echo else ()),
            *((_Outlet(Output(min(journal))),) if to_journal else ()),
            *((_Outlet(Syslog()),) if use_syslog else ()),
            *((_Outlet(self._file),) if self._file is not None else ()),
        )
        self.reopen_file()

    def reopen_file(self) -> None:
        """Opens the log file that has the name now, after rotation."""
        for outlet in self._outlets:
            if outlet.sink is self._file:
                try:
                    self._file.reopen()
                except OSError as error:
                    self._fail(outlet, error, lost=0)

    def close(self) -> None:
        """Closes all sinks. Lines that are still missing are reported to the others and to standard error."""
        for outlet in self._outlets:
            if outlet.lost:
                self._write_to_others(outlet, self._lost_line(outlet))
                self._write_error(self._lost_line(outlet))
        for outlet in (*self._outlets, *((self._output,) if self._output is not None else ())):
            outlet.sink.close()

    def take_over(self, old: Sinks) -> None:
        """Closes the sinks of another configuration and goes on with their counts of lost lines."""
        for outlet in self._outlets:
            for other in old._outlets:
                if other.lost and other.sink.name == outlet.sink.name:
                    outlet.lost, outlet.reason, outlet.reported = other.lost, other.reason, other.reported
                    other.lost = 0
        if self._file is not None and old._file is not None:
            self._file.inherit(old._file)
        old.close()

    def write(self, line: str) -> None:
        """Writes one line to every sink."""
        for outlet in self._outlets:
            self._write_to(outlet, line)

    def show(self, line: str) -> None:
        """Writes a line that is not part of the log to standard output."""
        if self._output is not None:
            self._write_to(self._output, line)

    def _write_to(self, outlet: _Outlet, line: str) -> None:
        try:
            if outlet.lost:
                report = self._lost_line(outlet)
                outlet.sink.write(report)
                outlet.lost, outlet.reason = 0, None
                self._write_to_others(outlet, report)
            outlet.sink.write(line)
            outlet.reason = None
        except OSError as error:
            self._fail(outlet, error, lost=1)

    def _fail(self, outlet: _Outlet, error: OSError, lost: int) -> None:
        first = outlet.reason is None
        outlet.reason = error.strerror or str(error)
        outlet.lost += lost
        if first:
            outlet.reported = self._clock()
            line = render(self._format, "log-problem", sink=outlet.sink.name, reason=outlet.reason)
            self._write_error(line)
            self._write_to_others(outlet, line)
        elif self._clock() - outlet.reported >= REPORT_AGAIN:
            outlet.reported = self._clock()
            self._write_to_others(outlet, self._lost_line(outlet))
        if outlet is self._output and error.errno in _GONE:
            outlet.sink.close()
            self._output = None
            self._outlets = tuple(other for other in self._outlets if other is not outlet)

    def _write_to_others(self, source: _Outlet, line: str) -> None:
        for outlet in self._outlets:
            if outlet is not source and outlet.reason is None:
                self._write_to(outlet, line)

    def _write_error(self, line: str) -> None:
        if not self._says_errors:
            return  # the journal hears of it as one of the others
        with suppress(OSError):  # there is no sink left to report it to
            self._errors.write(f"knockd: {line}")

    def _lost_line(self, outlet: _Outlet) -> str:
        fields = {"count": outlet.lost, "sink": outlet.sink.name, "reason": outlet.reason}
        return render(self._format, "log-lost", **fields)
