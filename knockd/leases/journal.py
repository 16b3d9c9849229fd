"""Leases as text: the format of the journal, values to bytes and back.

One JSON object a line, each behind its own checksum, with empty lines between them so that no damaged
byte reaches into two. Which lines a file has, and where, is in journal_layout.py. Invariants: ``parse``
takes any bytes, and of what journal_layout.py has written it finds every record as it was.

Pure.
"""

from __future__ import annotations

import json
import re
from binascii import crc32
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import inf
from types import MappingProxyType
from typing import Any

from knockd_conf.classes import NamedTuple
from knockd_conf.services import parse_services
from knockd_conf.text import address_text, encoded

VERSION = 2
READ = frozenset({1, VERSION})
"""Versions that are read. A file of version 1 was written whole; its header says how many leases it has."""

FREED = b"-" * 8
"""In the place of a checksum: the line counts no more."""

MAX_LINE = 65_536
"""Bytes of the longest line that is looked at."""

MAX_LINES = 1_048_576
"""Lines that are looked at: eight times as many as the most leases that a run has."""

MAX_SERIAL = 2**62
MAX_SECONDS = 2.0**31
MAX_COMMANDS = 256
MAX_PREFIX = 128
MAX_NUMBER = 2**31
"""Larger numbers of a record count as these: no configuration has them, but the lease is to be closed."""

_MARK = "knockd-journal"
_LINE = re.compile(rb"[^\n]+")
_FREED_LINE = re.compile(FREED + rb"[ -~]*")
"""Damage that reaches from a freed line into the next one would free that too, if any bytes were taken."""

_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}", re.ASCII)
"""What IPv4Address takes, and prints the same: with 65,536 leases at a start its price would count."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


class State(Enum):
    """Where a lease is between its opening and its end; table.py has the transitions."""

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
    unopened: bool = False
    """The start command failed."""
    by: str = ""
    """How it was opened, in words; empty: by a knock, or nobody knows."""
    opened: float = 0.0
    """When the start command ended well, in seconds since boot; 0: it has not, or nobody knows."""
    idle: float = 0.0
    """Close_When_Idle: without a connection to a ``service`` it is closed so late, and after ``open_max``."""
    service: str = ""
    open_max: float = 0.0
    prefix: int = 0
    """Bits of the network for which it is open; 0: it is for the address alone."""


_OPTIONAL = Record._field_defaults
"""What is only written where it is something else: of a knockd that does not know it, this is read."""


class Journal(NamedTuple):
    """All leases at one moment. ``serial`` grows with every commit of one boot.

    ``complete``: the writer had read every journal that was there. Of a version that names no ``run`` it
    replaces those that are older.
    """

    boot: str
    serial: int
    records: tuple[Record, ...]
    complete: bool = True
    run: str = ""
    """Who has written it, a random name; empty: a version that names nobody."""
    replaces: Mapping[str, int] = MappingProxyType({})
    """Whose leases it holds as well: the last serial that was read, by the name of the run."""


class Parsed(NamedTuple):
    """What could be read, and how many lines could not.

    Without a good header ``journal.boot`` is empty. With a ``version`` that is not in READ there are no
    records: nobody here knows what it says.
    """

    journal: Journal
    damaged: int
    version: int


def encode_header(journal: Journal) -> bytes:
    """The header of a journal as a line, without line ends (ASCII); its records do not matter."""
    fields = {_MARK: VERSION, "boot": journal.boot, "serial": journal.serial, "complete": journal.complete}
    named = {"run": journal.run, "replaces": dict(journal.replaces)} if journal.run else {}
    return _line(fields | named)


def encode_record(record: Record, serial: int) -> bytes:
    """A record as a line; of two lines of a lease the one with the higher serial counts."""
    fields = {"serial": serial, **record._asdict(), "state": record.state.value}
    for name, value in _OPTIONAL.items():
        if fields[name] == value:
            del fields[name]
    return _line(fields)


def encode_size(size: int) -> bytes:
    """The line that says how many bytes of the file are on the disk for certain."""
    return _line({"size": size})


def parse(data: bytes) -> Parsed:
    """Every good record of ``data``, once for each lease. Never raises."""
    headers: list[Mapping[str, Any]] = []
    newest: dict[str, tuple[int, Record]] = {}
    damaged, size = 0, 0
    for number, found in enumerate(_LINE.finditer(data)):
        if number == MAX_LINES:
            damaged += 1
            break
        if _FREED_LINE.fullmatch(found[0]) is not None:
            continue
        value = _value(found[0])
        if value is None or "id" not in value:
            if value is not None and _is_header(value):
                headers.append(value)
            elif value is not None and type(value.get("size")) is int:
                size = value["size"]
            elif not size or found.start() < size:  # else the power was cut while the file was growing
                damaged += 1
        elif (record := _record(value)) is None or not _is_serial(serial := value.get("serial", 0)):
            damaged += 1
        elif record.id not in newest or newest[record.id][0] <= serial:
            newest[record.id] = serial, record
    if len(data) < size:
        damaged += 1
    in_order = sorted(newest.values(), key=lambda one: one[0])
    records = tuple(record for _, record in in_order)
    if not headers:
        return Parsed(Journal("", 0, records, complete=False), max(damaged, 1), VERSION)
    header = headers[0]
    if header[_MARK] not in READ:
        return Parsed(Journal("", 0, (), complete=False), 0, header[_MARK])
    last = max(header["serial"], in_order[-1][0] if in_order else 0)
    if header[_MARK] == 1:
        damaged = max(damaged, header["leases"] + 2 - len(records) - len(headers))
    run, replaces = _lineage(header)
    journal = Journal(header["boot"], last, records, header["complete"], run, replaces)
    return Parsed(journal, damaged, header[_MARK])


def _line(value: Mapping[str, object]) -> bytes:
    text = _encode(value).encode("ascii")
    return b"%08x %s" % (crc32(text), text)


def _value(raw: bytes) -> dict[str, Any] | None:
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
    version = value.get(_MARK)
    if type(version) is not int or not 0 < version < MAX_NUMBER:
        return False
    if version not in READ:
        return True  # what else another version says is its own business
    kinds = {"boot": str, "complete": bool} | ({"leases": int} if version == 1 else {})
    if any(type(value.get(name)) is not kind for name, kind in kinds.items()):
        return False
    return _is_serial(value.get("serial")) and len(str(value["boot"])) <= 64


def _lineage(header: Mapping[str, Any]) -> tuple[str, dict[str, int]]:
    """Who has written a journal, and whose leases it holds: what is none of it hides no other journal."""
    run, replaces = header.get("run"), header.get("replaces")
    if not isinstance(run, str) or _ID.fullmatch(run) is None or not isinstance(replaces, dict):
        return "", {}
    return run, {name: serial for name, serial in replaces.items() if _is_serial(serial)}


def _is_serial(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_SERIAL


_KINDS = {
    **dict.fromkeys(Record._fields, str),
    **dict.fromkeys(("occurrence", "failures", "max_commands", "prefix"), int),
    **dict.fromkeys(("deadline", "cmd_timeout", "command_deadline", "opened", "idle", "open_max"), float),
    "unopened": bool,
}
_TYPES = list(_KINDS.values())
_DEFAULTS = [_OPTIONAL.get(name) for name in Record._fields]
_MOST: Sequence[tuple[int, float]] = [
    (Record._fields.index(name), most)
    for name, most in (
        ("occurrence", MAX_NUMBER),
        ("failures", MAX_NUMBER),
        ("max_commands", MAX_COMMANDS),
        ("deadline", inf),
        ("cmd_timeout", MAX_SECONDS),
        ("command_deadline", MAX_SECONDS),
        ("opened", inf),
        ("idle", MAX_SECONDS),
        ("open_max", MAX_SECONDS),
        ("prefix", MAX_PREFIX),
    )
]
_ADDRESSES = Record._fields.index("source"), Record._fields.index("destination")
_STATE = Record._fields.index("state")


def _record(value: Mapping[str, Any]) -> Record | None:
    """The record in an object, None when it is none."""
    given: list[Any] = list(map(value.get, Record._fields, _DEFAULTS))
    if list(map(type, given)) != _TYPES:
        return None
    for at, most in _MOST:
        if not 0 <= given[at] < inf:
            return None
        given[at] = min(given[at], most)
    try:
        for at in _ADDRESSES:
            given[at] = _address(given[at])
        given[_STATE] = State(given[_STATE])
    except ValueError:
        return None
    record = Record._make(given)
    if not record.stop or not record.max_commands or _ID.fullmatch(record.id) is None:
        return None
    if record.idle and not _are_services(record.service):
        record = record._replace(idle=0.0)  # it is to be closed all the same
    return record if _are_texts(record.door, record.interface, record.stop, record.by) else None


@lru_cache(maxsize=32)
def _are_services(text: str) -> bool:
    """Whether connections to these ports can be looked for."""
    try:
        return bool(parse_services(text))
    except ValueError:
        return False


@lru_cache(maxsize=32)
def _are_texts(door: str, interface: str, stop: str, by: str) -> bool:
    """Whether a command and its environment can hold them, and no configuration holds longer ones."""
    return all(_is_text(text, 128) for text in (door, interface, by)) and _is_text(stop, MAX_LINE)


def _is_text(text: str, most: int) -> bool:
    """Whether a command or its environment can hold it, in so many bytes."""
    try:
        return "\0" not in text and len(encoded(text)) <= most
    except UnicodeEncodeError:
        return False


def _address(text: str) -> str:
    """The address as we print it: nothing else may come into a command. Raises ValueError.

    A mapped one may be written otherwise, as earlier versions did (``::ffff:c000:201``).
    """
    if _IPV4.fullmatch(text) is not None:
        return text
    found = ip_address(text)
    printed = address_text(found.packed)
    if isinstance(found, IPv6Address) and (found.scope_id or (printed != text and not found.ipv4_mapped)):
        raise ValueError(text)
    return printed
