"""The packet process's half of the link: a table of its verbs and one of their fields.

A message is a byte for the verb, a byte for the IP version of its addresses (0: it has none), then its
fields in order, in the host's byte order; a text comes last and takes the rest. ``decode`` accepts what
``encode`` can write, and nothing else.

Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from knockd.knocks.events import (
    Discarded,
    Expired,
    Guarded,
    Ignored,
    Spoiled,
    Stage,
    Stale,
    Underway,
    Why,
)
from knockd.process.figures import Counted, Totals
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_conf.classes import NamedTuple
from knockd_conf.model import MAX_STEPS
from knockd_conf.signed_sizes import SIZE

MAX_TEXT = 4_096
"""Bytes of the longest text."""

_HEAD = struct.Struct("=BB")
_ANY = 2**64 - 1
_FLAG, _ADDRESS, _TEXT = "?", "address", "text"
_PACKET = f"{SIZE}s"
_SIZES = {0: 0, 4: 4, 6: 16}
"""Bytes of an address by its IP version."""


class MalformedError(Exception):
    """A message that the packet process can never legally send."""


class Opening(NamedTuple):
    """The last step came: the door opens for the source."""

    door: int
    source: bytes
    destination: bytes
    stage: int
    interface: int
    stamp: int
    serial: int = 0


class HeldBack(NamedTuple):
    """Events were left out: strangers caused too many, or the keeper did not read."""

    lines: int


class Dropped(NamedTuple):
    """The kernel dropped frames of an interface, as its ring was full."""

    interface: int
    frames: int


class Ready(NamedTuple):
    """The packet process captures, and has given up its rights."""

    kept: str


class Failed(NamedTuple):
    """The packet process ends."""

    status: int
    reason: str


class Packet(NamedTuple):
    """A packet came, with -D."""

    line: str


class Widened(NamedTuple):
    """The kernel's filter of an interface lets more through than it should, for lack of room."""

    interface: int
    millionths: int
    pooled: bool


class SmallRing(NamedTuple):
    """The capture ring of an interface is smaller than was asked for."""

    interface: int
    kib: int


class Pong(NamedTuple):
    """A view is in effect."""


class Lost(NamedTuple):
    """The capture of an interface ended, or could not be opened."""

    interface: int
    hopeless: bool
    reason: str


class Signed(NamedTuple):
    """A packet to a port of signed knocks that may be one."""

    source: bytes
    destination: bytes
    interface: int
    stamp: int
    port: int
    packet: bytes


Message = (
    Stage
    | Opening
    | Spoiled
    | Expired
    | HeldBack
    | Dropped
    | Ready
    | Failed
    | Packet
    | Guarded
    | Widened
    | SmallRing
    | Pong
    | Lost
    | Ignored
    | Counted
    | Underway
    | Totals
    | Stale
    | Signed
    | Discarded
)


class When(Enum):
    """The state of the packet process in which it may say something."""

    STARTING = "starting"
    UP = "up"
    ANY = "any"


class Verb(NamedTuple):
    """One kind of message. ``limited``: it counts against the limit of log lines."""

    number: int
    name: str
    message: type[Message]
    when: When
    limited: bool = False


VERBS = (
    Verb(1, "STAGE", Stage, When.UP, limited=True),
    Verb(2, "OPENED", Opening, When.UP),
    Verb(3, "SPOILED", Spoiled, When.UP, limited=True),
    Verb(4, "EXPIRED", Expired, When.UP, limited=True),
    Verb(5, "HELD_BACK", HeldBack, When.UP, limited=True),
    Verb(6, "DROPPED", Dropped, When.UP, limited=True),
    Verb(7, "READY", Ready, When.STARTING),
    Verb(8, "FAILED", Failed, When.ANY),
    Verb(9, "PACKET", Packet, When.UP),
    Verb(10, "GUARDED", Guarded, When.UP, limited=True),
    Verb(11, "WIDENED", Widened, When.UP, limited=True),
    Verb(12, "SMALL_RING", SmallRing, When.UP, limited=True),
    Verb(13, "PONG", Pong, When.UP),
    Verb(14, "LOST", Lost, When.ANY),
    Verb(15, "IGNORED", Ignored, When.UP, limited=True),
    Verb(16, "COUNTED", Counted, When.UP),
    Verb(17, "UNDERWAY", Underway, When.UP),
    Verb(18, "TOTALS", Totals, When.UP),
    Verb(19, "STALE", Stale, When.UP, limited=True),
    Verb(20, "SIGNED", Signed, When.UP, limited=True),
    Verb(21, "DISCARDED", Discarded, When.UP, limited=True),
)


class Field(NamedTuple):
    """What a field means in every message, and how it is packed: a code of ``struct``, address or text."""

    code: str
    meaning: str
    least: int = 0
    most: int = _ANY


FIELDS: Mapping[str, Field] = {
    "door": Field("H", "the door's index in the configuration"),
    "interface": Field("H", "the interface's index in the list of captures"),
    "source": Field(_ADDRESS, "who knocked"),
    "destination": Field(_ADDRESS, "the address knocked at, of the source's IP version"),
    "stage": Field("B", "number of steps done", 0, MAX_STEPS),
    "port": Field("I", "the port, its protocol's number in front of it", 0, 0xFF << 16 | 0xFFFF),
    "opened": Field(_FLAG, "for an opening a moment ago, not for a guard port"),
    "left": Field("Q", "seconds that are left, rounded up", 1),
    "stamp": Field("Q", "the kernel's stamp of the packet, microseconds since the epoch"),
    "serial": Field("Q", "number of the live sequence, as the keeper counts them"),
    "packet": Field(_PACKET, "the payload, as long as a signed knock is"),
    "why": Field("B", "1: of no known key, 2: came before, 3: too many come", 1, len(Why)),
    "lines": Field("Q", "number of events left out", 1),
    "frames": Field("Q", "number of frames dropped since the last message", 1),
    "link_type": Field("H", "the link type's number (LINKTYPE)"),
    "received": Field("Q", "number of frames that the filter let through"),
    "missed": Field("Q", "number of those that the kernel dropped, as the ring was full"),
    "instructions": Field("H", "length of the filter; 0: libpcap has made it", 0, MAX_INSTRUCTIONS),
    "most_executed": Field("H", "instructions that one packet can cost", 0, MAX_INSTRUCTIONS),
    "attempts": Field("I", "number of attempts under way"),
    "begun": Field("Q", "number of attempts"),
    "guarded": Field("Q", "number of touches of guard ports"),
    "spoiled": Field("Q", "number of attempts that a packet ended"),
    "expired": Field("Q", "number of attempts that grew too old"),
    "ignored": Field("Q", "number of knocks that were begun by ignored sources"),
    "millionths": Field("I", "millionths of all ports that pass and should not", 0, 1_000_000),
    "pooled": Field(_FLAG, "doors are not told apart by address"),
    "kib": Field("Q", "KiB of the ring"),
    "status": Field("B", "exit status, of sysexits.h", 1, 255),
    "hopeless": Field(_FLAG, "the capture cannot be opened at all"),
    "kept": Field(_TEXT, "what could not be given up, and why; empty: nothing"),
    "reason": Field(_TEXT, "what happened"),
    "line": Field(_TEXT, "the packet, printed"),
}


def _layout(names: tuple[str, ...], version: int) -> struct.Struct:
    """How a message's head and all its fields but the text are packed."""
    codes = {_ADDRESS: f"{_SIZES[version]}s", _TEXT: ""}
    return struct.Struct(_HEAD.format + "".join(codes.get(code := FIELDS[n].code, code) for n in names))


_BY_NUMBER = {verb.number: verb for verb in VERBS}
_BY_MESSAGE = {verb.message: verb for verb in VERBS}
_LAYOUTS = {
    (verb.number, version): _layout(verb.message._fields, version)
    for verb in VERBS
    for version in ((4, 6) if "source" in verb.message._fields else (0,))
}

MAX_EVENT = max(layout.size for layout in _LAYOUTS.values()) + MAX_TEXT
"""Bytes that no message of the packet process is longer than."""


def verb_of(message: Message) -> Verb:
    """The row of the table that a message belongs to."""
    return _BY_MESSAGE[type(message)]


def encode(message: Message) -> bytes:
    """The message as it goes over the link; a text that is too long is cut."""
    verb = verb_of(message)
    values, version, text = [], 0, b""
    for name, value in zip(message._fields, message, strict=True):
        if FIELDS[name].code == _TEXT:
            cut = str(value).encode("utf-8", "replace")[:MAX_TEXT]
            text = cut.decode("utf-8", "ignore").encode()  # a character that was cut in two is left out
            continue
        values.append(value)
        if FIELDS[name].code == _ADDRESS and isinstance(value, bytes):
            version = 4 if len(value) == _SIZES[4] else 6
    return _LAYOUTS[verb.number, version].pack(verb.number, version, *values) + text


def decode(data: bytes, doors: int, interfaces: int) -> Message:
    """Reads a message of a packet process that has so many doors and interfaces. Raises MalformedError."""
    if len(data) < _HEAD.size:
        raise MalformedError(f"{len(data)} bytes")
    number, version = _HEAD.unpack_from(data)
    layout = _LAYOUTS.get((number, version))
    if layout is None:
        raise MalformedError(f"verb {number} with IP version {version}")
    if len(data) < layout.size:
        raise MalformedError(f"{len(data)} bytes")
    fields = _BY_NUMBER[number].message._fields
    values: list[Any] = list(layout.unpack_from(data)[2:])
    if fields and FIELDS[fields[-1]].code == _TEXT:
        values.append(_text(data[layout.size :]))
    places = {"door": doors - 1, "interface": interfaces - 1}
    for name, value in zip(fields, values, strict=True):
        field = FIELDS[name]
        if isinstance(value, int) and not field.least <= value <= places.get(name, field.most):
            raise MalformedError(f"{name} {value}")
    message: Message = _BY_NUMBER[number].message._make(values)
    if encode(message) != data:  # a flag that is neither 0 nor 1, bytes behind the end
        raise MalformedError(f"{len(data)} bytes")
    return message


def _text(data: bytes) -> str:
    if len(data) > MAX_TEXT:
        raise MalformedError(f"a text of {len(data)} bytes")
    try:
        return data.decode()
    except ValueError as error:
        raise MalformedError(str(error)) from error


def verb_rows() -> Iterator[tuple[str, ...]]:
    """Rows of the page's table of verbs: number, name, fields, when it may be said, limit, meaning."""
    for verb in VERBS:
        meaning = str(verb.message.__doc__).splitlines()[0]
        limited = "yes" if verb.limited else ""
        yield str(verb.number), verb.name, ", ".join(verb.message._fields), verb.when.value, limited, meaning


def field_rows() -> Iterator[tuple[str, ...]]:
    """Rows of the page's table of fields: name, wire form, bounds that are narrower than that, meaning."""
    forms = {
        "B": "1 byte",
        "H": "2 bytes",
        "I": "4 bytes",
        "Q": "8 bytes",
        _FLAG: "flag",
        _PACKET: f"{SIZE} bytes",
    }
    for name, field in FIELDS.items():
        bounds = [] if field.least == 0 else [f"from {field.least}"]
        bounds += [] if field.most == _ANY else [f"to {field.most}"]
        yield name, forms.get(field.code, field.code), " ".join(bounds), field.meaning
