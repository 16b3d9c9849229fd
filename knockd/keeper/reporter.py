"""Log events on their way to the log: with -l an address waits for its name, and its lines stay in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

from knockd.edge.lookup import Names

MAX_WAITING_LINES = 256
"""Lines of one address that wait for its name; more are logged without it."""


class Reporter:
    """Logs events. ``names`` is None without -l."""

    def __init__(self, log: FilteringBoundLogger, names: Names | None = None) -> None:
        self.log = log
        self._names = names
        self._waiting: dict[str, list[Callable[[str], None]]] = {}
        self._fault = ""

    def say(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Logs one event. With a field ``ip`` and -l the line waits until the name is known."""

        def write(event: str, **fields: Any) -> None:
            getattr(self.log, level)(event, **fields)  # the log of that time: it may have changed since

        ip = fields.get("ip")
        if self._names is None or ip is None:
            write(event, **fields)
            return
        name = self._names.known(ip)
        if name is not None:
            write(event, **fields, host=name)
        elif ip in self._waiting:
            if len(self._waiting[ip]) < MAX_WAITING_LINES:
                self._waiting[ip].append(lambda host: write(event, **fields, host=host))
            else:
                write(event, **fields)
        elif self._names.full():
            write(event, **fields)
        else:
            self._waiting[ip] = [lambda host: write(event, **fields, host=host)]
            self._names.ask(ip, lambda host: self._named(ip, host))

    def fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody has thought of went wrong, and the loop goes on; the same in a row is told once."""
        error = context.get("exception")
        reason = context["message"] if error is None else f"{type(error).__name__}: {error}"
        if reason != self._fault:
            self._fault = reason
            self.say("internal-error", level="error", reason=reason)
            loop.default_exception_handler(context)  # on standard error, with the place in the source

    def hurry(self) -> None:
        """The end is near: lines that wait are logged without a name, and no other waits."""
        self._names = None
        for ip in list(self._waiting):
            self._named(ip, "")

    def _named(self, ip: str, host: str) -> None:
        for write in self._waiting.pop(ip, ()):
            write(host)
