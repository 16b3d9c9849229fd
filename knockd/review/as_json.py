"""A summary as one JSON object: the schema of docs/log-review.md.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from knockd.review.clock import Clock
from knockd.review.summary import Summary
from knockd_conf.text import well_formed

VERSION = 1
"""Grows when a name changes its meaning or goes; a new name leaves it."""

TIMES = frozenset({"time", "closed", "first", "last", "start", "last_opening"})
"""Names of values that are seconds since the epoch in a summary, and RFC 3339 here."""

Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


def summary_json(summary: Summary, clock: Clock | None = None) -> dict[str, Json]:
    """The object, for ``json.dumps``. Text is as the log has it: a terminal needs ``ensure_ascii``."""
    found = _object(summary, clock or Clock())
    return {"version": VERSION, **found}


def _object(value: object, clock: Clock) -> dict[str, Json]:
    assert is_dataclass(value)
    return {field.name: _value(field.name, getattr(value, field.name), clock) for field in fields(value)}


def _value(name: str, value: object, clock: Clock) -> Json:
    if name in TIMES and isinstance(value, int | float):
        return clock.json_time(value)
    if isinstance(value, str):
        return well_formed(str(value))
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _value("", item, clock) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value("", item, clock) for item in value]
    return _object(value, clock)
