"""The log. The only file that configures structlog and writes log lines.

An event is a short stable name with fields (docs/log-events.md). The classic format renders
the exact lines of knockd 0.8, the JSON format one object a line; each goes to the file,
to syslog and, with -v, to standard output.
"""

from __future__ import annotations

import json
import os
import sys
import syslog
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

from knockd.engine.texts import CLASSIC
from knockd_conf.model import LogFormat

IDENT = "knockd"
_LOG_MODE = 0o640


class Sinks:
    """Where lines go. A sink that fails is named on standard error and tried again at the next line."""

    def __init__(self, path: str | None, *, use_syslog: bool, echo: bool, log_format: LogFormat) -> None:
        """Opens what is asked for: a file (append), syslog, standard output (``echo``)."""
        self.path = path
        self._echo = echo
        self._format = log_format
        self._descriptor: int | None = None
        self._complained = False
        self._syslog = use_syslog
        if use_syslog:
            syslog.openlog(IDENT, 0, syslog.LOG_USER)
        self.reopen()

    def reopen(self) -> None:
        """Opens the log file anew: after rotation its old name means another file."""
        self.close()
        if self.path is None:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            self._descriptor = os.open(self.path, flags, _LOG_MODE)
            self._complained = False
        except OSError as error:
            self._complain(error)

    def close(self) -> None:
        """Closes the log file; the sinks are not used any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, line: str) -> None:
        """Writes one line everywhere, with a stamp in the classic file."""
        if self._echo:
            self.show(line)
        if self._syslog:
            syslog.syslog(syslog.LOG_NOTICE, line)
        if self.path is None:
            return
        if self._descriptor is None:
            self.reopen()
        if self._descriptor is None:
            return
        stamp = time.strftime("[%Y-%m-%d %H:%M] ") if self._format is LogFormat.CLASSIC else ""
        data = f"{stamp}{line}\n".encode("utf-8", "backslashreplace")
        try:
            os.write(self._descriptor, data)
            self._complained = False
        except OSError as error:
            self._complain(error)

    def show(self, line: str) -> None:
        """Prints a line on standard output as far as its encoding goes; a closed one ends ``echo``."""
        encoding = sys.stdout.encoding or "utf-8"
        try:
            print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)
        except OSError:
            self._echo = False  # nobody reads it any more

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            print(
                f"{IDENT}: could not write log file {self.path}: {error.strerror}",
                file=sys.stderr,
                flush=True,
            )


def configure(sinks: Sinks, log_format: LogFormat) -> structlog.typing.FilteringBoundLogger:
    """Sets structlog up for this process and returns its logger."""
    render = _classic if log_format is LogFormat.CLASSIC else _json
    structlog.configure(
        processors=[render],
        wrapper_class=structlog.BoundLogger,
        logger_factory=lambda *_: _Printer(sinks),
        cache_logger_on_first_use=False,
    )
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class _Printer:
    """What structlog hands a rendered line to."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    def msg(self, line: str) -> None:
        self._sinks.write(line)

    info = warning = error = msg


def _classic(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    name = event["event"]
    text = CLASSIC[name]
    if "ip" in event:
        event["who"] = f"{event['ip']} ({event['host']})" if event.get("host") else event["ip"]
    return printable(text.format_map(event))


def _json(_logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    name = event.pop("event")
    return json.dumps({"time": _now(), "level": method, "event": name, **event}, ensure_ascii=True)


def _now() -> str:
    """Local time with milliseconds and offset (RFC 3339)."""
    seconds = time.time()
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(seconds % 1 * 1000):03d}{zone[:3]}:{zone[3:]}"


def printable(text: str) -> str:
    """The text with everything that could forge a line or move a cursor shown as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
