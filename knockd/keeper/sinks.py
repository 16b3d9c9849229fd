"""Where log lines go: the file, syslog, standard output. None of them stops the others or the daemon.

A sink that fails is named on the other sinks and once on standard error; what it loses is
counted, told to the others at most once a minute, and to itself when it is back.
"""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from knockd.edge.logfile import LogFile
from knockd.edge.logs import render
from knockd.edge.output import Output
from knockd.edge.syslog import Syslog
from knockd_conf.model import LogFormat

TELL_AGAIN = 60.0
"""Seconds after which the others hear again of a sink that goes on losing lines."""

_GONE = frozenset({errno.EPIPE, errno.EBADF})
"""Errors of a standard output that nobody will ever read again."""


class Sink(Protocol):
    """Something that takes lines; ``write`` raises OSError when it did not take all of one."""

    name: str

    def write(self, line: str) -> None:
        """Takes one line."""

    def close(self) -> None:
        """Lets go of what it holds."""


@dataclass(slots=True)
class _Outlet:
    """A sink and what is wrong with it: ``reason`` None says nothing is."""

    sink: Sink
    reason: str | None = None
    lost: int = 0
    told: float = 0.0


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens what is asked for: a file (append), syslog, standard output (``echo``).

        ``daemon``: standard output is let go of later and must not be held.
        """
        self.path = path
        self._format = log_format
        self._clock = clock
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._errors = Output(2, own=False)
        self._output: _Outlet | None = _Outlet(Output(1, encoding=encoding, own=not daemon))
        self._file = None if path is None else LogFile(path, stamped=log_format is LogFormat.CLASSIC)
        self._outlets: tuple[_Outlet, ...] = (
            *((self._output,) if echo else ()),
            *((_Outlet(Syslog()),) if use_syslog else ()),
            *((_Outlet(self._file),) if self._file is not None else ()),
        )
        self.reopen()

    def reopen(self) -> None:
        """Opens the log file anew: after rotation its old name means another file."""
        for outlet in self._outlets:
            if outlet.sink is self._file:
                try:
                    self._file.reopen()
                except OSError as error:
                    self._failed(outlet, error, lost=0)

    def close(self) -> None:
        """Lets all sinks go and tells what is still lost; they are not used any more."""
        for outlet in self._outlets:
            if outlet.lost:
                self._tell(outlet, self._lost(outlet))
                self._complain(self._lost(outlet))
        for outlet in (*self._outlets, *((self._output,) if self._output is not None else ())):
            outlet.sink.close()

    def take_over(self, old: Sinks) -> None:
        """Closes the sinks of another configuration; what one of them lost its successor will tell."""
        for outlet in self._outlets:
            for other in old._outlets:
                if other.lost and other.sink.name == outlet.sink.name:
                    outlet.lost, outlet.reason, outlet.told = other.lost, other.reason, other.told
                    other.lost = 0
        if self._file is not None and old._file is not None:
            self._file.inherit(old._file)
        old.close()

    def write(self, line: str) -> None:
        """Writes one line everywhere."""
        for outlet in self._outlets:
            self._put(outlet, line)

    def show(self, line: str) -> None:
        """Writes a line that is not of the log to standard output."""
        if self._output is not None:
            self._put(self._output, line)

    def _put(self, outlet: _Outlet, line: str) -> None:
        try:
            if outlet.lost:
                told = self._lost(outlet)
                outlet.sink.write(told)
                outlet.lost, outlet.reason = 0, None
                self._tell(outlet, told)
            outlet.sink.write(line)
            outlet.reason = None
        except OSError as error:
            self._failed(outlet, error, lost=1)

    def _failed(self, outlet: _Outlet, error: OSError, lost: int) -> None:
        first = outlet.reason is None
        outlet.reason = error.strerror or str(error)
        outlet.lost += lost
        if first:
            outlet.told = self._clock()
            line = self._line("log-problem", sink=outlet.sink.name, reason=outlet.reason)
            self._complain(line)
            self._tell(outlet, line)
        elif self._clock() - outlet.told >= TELL_AGAIN:
            outlet.told = self._clock()
            self._tell(outlet, self._lost(outlet))
        if outlet is self._output and error.errno in _GONE:
            outlet.sink.close()
            self._output = None
            self._outlets = tuple(other for other in self._outlets if other is not outlet)

    def _tell(self, of: _Outlet, line: str) -> None:
        for outlet in self._outlets:
            if outlet is not of and outlet.reason is None:
                self._put(outlet, line)

    def _complain(self, line: str) -> None:
        with suppress(OSError):  # there is nobody left to tell
            self._errors.write(f"knockd: {line}")

    def _lost(self, outlet: _Outlet) -> str:
        return self._line("log-lost", count=outlet.lost, sink=outlet.sink.name, reason=outlet.reason)

    def _line(self, event: str, **fields: object) -> str:
        return render(self._format, "error", event, **fields)
