"""Events to log lines. The only file that configures structlog.

An event is a short stable name with fields (docs/log-events.md). The classic format renders
the exact lines of knockd 0.8, the JSON format one object a line. Whatever the fields hold, it
is one line of printable characters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from knockd.engine.texts import CLASSIC
from knockd_conf.model import LogFormat


def configure(write: Callable[[str], None], log_format: LogFormat) -> structlog.typing.FilteringBoundLogger:
    """Sets structlog up for this process and returns its logger, whose lines ``write`` takes."""
    structlog.configure(
        processors=[_RENDER[log_format]],
        wrapper_class=structlog.BoundLogger,
        logger_factory=lambda *_: _Printer(write),
        cache_logger_on_first_use=False,
    )
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def render(log_format: LogFormat, level: str, event: str, **fields: object) -> str:
    """The line of one event that does not come through structlog."""
    return _RENDER[log_format](None, level, {"event": event, **fields})


class _Printer:
    """What structlog hands a rendered line to."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.msg = self.info = self.warning = self.error = write


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


_RENDER = {LogFormat.CLASSIC: _classic, LogFormat.JSON: _json}
