"""Leases as text: the format of the journal. Pure: values to bytes and back.

One JSON object a line, each behind its own checksum, with blank lines between them so that no
damaged byte reaches into two; the header stands in front and once more at the end. Invariants:
``parse`` takes any bytes, and parse(encode(x)) gives x.
"""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv6Address, ip_address
from math import isfinite
from typing import Any, NamedTuple

VERSION = 1
MAX_LINE = 65_536
"""Bytes of the longest line that is looked at."""

_MARK = "knockd-journal"


class State(Enum):
    """Where a lease is between its opening and its end; leases.py has the diagram."""

    STARTING = "starting"
    OPEN = "open"
    RENEWING = "renewing"
    STOPPING = "stopping"
    RETRYING = "retrying"
    FAILED = "failed"
    LEFTOVER = "leftover"


class Record(NamedTuple):
    """A lease with all that its end needs, whatever the configuration says by then.

    ``deadline`` is in seconds since boot (CLOCK_BOOTTIME); ``stop`` is a command before its placeholders are
    replaced. The other times are in seconds too.
    """

    id: str
    """Random: the start command has it in its environment, as KNOCKD_LEASE."""
    door: str
    occurrence: int
    source: str
    destination: str
    interface: str
    state: State
    deadline: float
    failures: int
    stop: str
    cmd_timeout: float
    command_deadline: float
    max_commands: int


class Journal(NamedTuple):
    """All leases at one moment. ``serial`` grows with every commit of one boot.

    ``complete``: the writer knew what every other journal held, so this one replaces them.
    """

    boot: str
    serial: int
    records: tuple[Record, ...]
    complete: bool = True


class Parsed(NamedTuple):
    """What could be read, and how many lines could not.

    Without a good header ``journal.boot`` is empty. With a ``version`` that is not ours there are no records:
    nobody here knows what it says.
    """

    journal: Journal
    damaged: int
    version: int


def encode(journal: Journal) -> bytes:
    """The journal as bytes (ASCII)."""
    header = {
        _MARK: VERSION,
        "boot": journal.boot,
        "serial": journal.serial,
        "complete": journal.complete,
        "leases": len(journal.records),
    }
    lines = [header, *map(_fields, journal.records), header]
    return b"\n".join(_line(line) for line in lines)


def parse(data: bytes) -> Parsed:
    """Every good record of ``data``. Never raises."""
    headers: list[Mapping[str, object]] = []
    records: list[Record] = []
    damaged = 0
    for raw in data.split(b"\n"):
        if not raw:
            continue
        value = _value(raw)
        record = None
        if value is not None and _is_header(value):
            headers.append(value)
        elif value is not None and (record := _record(value)) is not None:
            records.append(record)
        else:
            damaged += 1
    if not headers:
        return Parsed(Journal("", 0, tuple(records), complete=False), max(damaged, 1), VERSION)
    header: Any = headers[0]
    if header[_MARK] != VERSION:
        return Parsed(Journal("", 0, (), complete=False), 0, header[_MARK])
    missing = header["leases"] + 2 - len(records) - len(headers)
    journal = Journal(header["boot"], header["serial"], tuple(records), header["complete"])
    return Parsed(journal, max(damaged, missing), VERSION)


def _line(value: Mapping[str, object]) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode("ascii")
    return b"\n%08x %s\n" % (crc32(text), text)


def _value(raw: bytes) -> Mapping[str, object] | None:
    """The object in a line, None when the line is damaged."""
    text = raw[9:]
    if len(raw) > MAX_LINE or raw[:9] != b"%08x " % crc32(text):
        return None
    try:
        value = json.loads(text.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_header(value: Mapping[str, object]) -> bool:
    kinds = {_MARK: int, "boot": str, "serial": int, "complete": bool, "leases": int}
    if type(value.get(_MARK)) is int and value[_MARK] != VERSION:
        kinds = {_MARK: int}  # what else another version says is its own business
    return all(type(value.get(name)) is kind for name, kind in kinds.items())


def _fields(record: Record) -> Mapping[str, object]:
    return {
        "id": record.id,
        "door": record.door,
        "occurrence": record.occurrence,
        "source": record.source,
        "destination": record.destination,
        "interface": record.interface,
        "state": record.state.value,
        "deadline": record.deadline,
        "failures": record.failures,
        "stop": record.stop,
        "cmd_timeout": record.cmd_timeout,
        "command_deadline": record.command_deadline,
        "max_commands": record.max_commands,
    }


_KINDS = {
    **dict.fromkeys(("id", "door", "source", "destination", "interface", "state", "stop"), str),
    **dict.fromkeys(("occurrence", "failures", "max_commands"), int),
    **dict.fromkeys(("deadline", "cmd_timeout", "command_deadline"), float),
}


def _record(value: Mapping[str, object]) -> Record | None:
    """The record in an object, None when it is none."""
    if any(type(value.get(name)) is not kind for name, kind in _KINDS.items()):
        return None
    given: dict[str, Any] = {name: value[name] for name in _KINDS}
    if any(isinstance(number, float) and not isfinite(number) for number in given.values()):
        return None
    if any(isinstance(number, int | float) and number < 0 for number in given.values()):
        return None
    if not (_is_address(given["source"]) and _is_address(given["destination"])):
        return None
    try:
        given["state"] = State(given["state"])
    except ValueError:
        return None
    if not given["stop"] or not given["max_commands"]:
        return None
    if not all(_is_text(given[name]) for name in ("id", "door", "interface", "stop")):
        return None
    return Record(**given)


def _is_text(text: str) -> bool:
    """Whether a command or its environment can hold it."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _is_address(text: str) -> bool:
    """Whether the text is an address as we print it: nothing else may come into a command."""
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return str(found) == text and not (isinstance(found, IPv6Address) and found.scope_id)
