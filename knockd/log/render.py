"""Events to log lines, classic or JSON. The only file that configures structlog.

World: structlog's configuration.
"""

from __future__ import annotations

import json
from _pickle import PicklingError
from collections.abc import Callable, MutableMapping
from typing import Any

from knockd.log.catalogue import check
from knockd.log.classic import render_classic
from knockd.log.logger import BoundLogger
from knockd.log.stamps import json_time
from knockd.put_off import call_later, put_off
from knockd_conf.model import LogFormat
from knockd_conf.text import well_formed


def _unused(*_given: object, **_named: object) -> None:
    """Stands for what structlog makes at its import, to log with when it is not configured."""


# What structlog imports for others takes 5 MB: event loops, the standard library's log, pickles.
# Its own modules that are put off make its default output, which ``configure`` replaces.
_UNUSED: dict[str, dict[str, object]] = {
    "asyncio": {},
    "datetime": {},
    "inspect": {},
    "logging": {},
    "pickle": {"PicklingError": PicklingError},
    "structlog.dev": dict.fromkeys(
        ("ConsoleRenderer", "set_exc_info", "_has_colors", "_use_colors"), _unused
    ),
    "structlog.processors": dict.fromkeys(("StackInfoRenderer", "TimeStamper", "add_log_level"), _unused),
    "structlog.stdlib": {},
    "structlog.testing": dict.fromkeys(("ReturnLogger", "ReturnLoggerFactory"), _unused),
    "structlog.threadlocal": {},
    "structlog.tracebacks": {},
    "structlog.twisted": {},
    "threading": {},
    "traceback": {"walk_tb": call_later("traceback", "walk_tb")},
    "uuid": {},
}
with put_off(_UNUSED):
    import structlog

Write = Callable[[str], None]


def configure(write: Write, log_format: LogFormat, debug: Write | None = None) -> BoundLogger:
    """Sets structlog up for this process and returns its logger.

    ``write`` takes the lines; ``debug`` those of level debug, which are dropped when it is None.
    """
    structlog.configure(
        processors=[_RENDER[log_format]],
        wrapper_class=structlog.BoundLogger,
        logger_factory=lambda *_: _Printer(write, debug or _drop),
        cache_logger_on_first_use=False,
    )
    logger: BoundLogger = structlog.get_logger()
    return logger


def render(log_format: LogFormat, event: str, **fields: object) -> str:
    """The line of one event that does not come through structlog."""
    return _RENDER[log_format](None, check(event, fields).level, {"event": event, **fields})


class _Printer:
    """What structlog hands a rendered line to."""

    def __init__(self, write: Write, debug: Write) -> None:
        self.debug = debug
        self.msg = self.info = self.warning = self.error = write


def _drop(_line: str) -> None:
    """Nobody wants the line."""


def _classic(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return render_classic(event.pop("event"), event)


def _json(_logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    name = event.pop("event")
    fields = {key: well_formed(value) if isinstance(value, str) else value for key, value in event.items()}
    return json.dumps({"time": json_time(), "level": method, "event": name, **fields}, ensure_ascii=True)


_RENDER = {LogFormat.CLASSIC: _classic, LogFormat.JSON: _json}
