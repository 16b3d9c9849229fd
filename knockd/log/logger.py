"""Log events on their way to the log: with -l an address waits for its name, and its lines stay in order.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from knockd.log.catalogue import EVENTS, check
from knockd.log.names import Names

MAX_WAITING_LINES = 256
"""Lines of one address that wait for its name; more are logged without it."""


class Log(Protocol):
    """Logs an event of the catalogue."""

    def __call__(self, event: str, **fields: Any) -> None: ...


class BoundLogger(Protocol):
    """A logger of structlog: a method for each level."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


class Logger:
    """Logs events of the catalogue. ``names`` is None without -l; ``bound`` is where they go.

    ``allow`` says whether a line about openings of a door may be logged.
    """

    def __init__(self, log: BoundLogger, names: Names | None = None) -> None:
        self.bound = log
        self.allow: Callable[[str], bool] = lambda _: True
        self.heard: Callable[[str, Mapping[str, Any]], None] = lambda _event, _fields: None
        """Called with every event, also when its line is not logged."""
        self._names = names
        self._waiting: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def log(self, event: str, **fields: Any) -> None:
        """Logs one event; with a field ``ip`` and -l not before its name is known.

        Raises KeyError for an event, and TypeError for fields, that the catalogue does not have.
        """
        entry = check(event, fields)
        self.heard(event, fields)
        if entry.opening and not self.allow(fields["door"]):
            return
        ip = fields.get("ip")
        if self._names is None or ip is None:
            self._write(event, fields)
            return
        host, waiting = self._names.known_name(ip), self._waiting.get(ip)
        if host is not None:
            self._write(event, fields, host=host)
        elif waiting is None and not self._names.is_full():
            self._waiting[ip] = [(event, fields)]
            self._names.look_up(ip, lambda host: self._write_waiting(ip, host))
        elif waiting is not None and len(waiting) < MAX_WAITING_LINES:
            waiting.append((event, fields))
        else:
            self._write(event, fields)

    def release_waiting(self) -> None:
        """Logs what waits for a name without it; nothing waits from now on."""
        self._names = None
        for ip in list(self._waiting):
            self._write_waiting(ip, "")

    def _write_waiting(self, ip: str, host: str) -> None:
        for event, fields in self._waiting.pop(ip, ()):
            self._write(event, fields, host=host)

    def _write(self, event: str, fields: dict[str, Any], **host: str) -> None:
        getattr(self.bound, EVENTS[event].level)(event, **fields, **host)
