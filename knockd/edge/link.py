"""Messages between the two processes, over a socket pair that keeps message bounds.

The packet process tells events in one fixed size; the keeper trusts none of it and takes
nothing that does not parse. The keeper tells the live sequences and addresses as JSON.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from knockd_conf.model import Protocol, Step

MAX_MESSAGE = 1 << 19
"""Bytes of the longest message: a view with 1,000 doors of 32 steps fits."""

MAX_UNREAD = 1 << 16
"""Bytes of kernel memory for what the keeper has not read: some 170 openings. More wait in the packet
process, where the doors take turns.
"""

MAX_TEXT = 4_096
"""Bytes of the longest text that the packet process may send."""

_EVENT = struct.Struct("=BBHHHQ16s16s")

MAX_EVENT = _EVENT.size + MAX_TEXT
"""Bytes of the longest message that the packet process may send."""


class MalformedError(Exception):
    """A message that the other process can never legally send."""


class Kind(IntEnum):
    """What the packet process can say."""

    STAGE = 1
    OPENED = 2
    SPOILED = 3
    EXPIRED = 4
    HELD_BACK = 5
    DROPPED = 6
    READY = 7
    FAILED = 8
    PACKET = 9
    GUARDED = 10
    WIDENED = 11
    SMALL_RING = 12
    PONG = 13
    LOST = 14


_COUNTS = frozenset({Kind.HELD_BACK, Kind.DROPPED, Kind.WIDENED, Kind.SMALL_RING})


@dataclass(frozen=True, slots=True)
class Message:
    """One event on the link.

    ``door`` and ``interface`` are places in the configuration and in the list of captures,
    ``count`` is a number of lines held back or frames dropped, the millionths of all ports that
    a filter is too wide (``stage`` 1: its addresses too), the KiB of a ring, or the kernel's
    stamp of the packet that opened (microseconds since the epoch); ``text``
    belongs to FAILED (exit status in ``stage``, what happened in ``text``), to READY (what the
    process could not give up), to LOST (why the capture of ``interface`` ended; ``stage`` 1: it
    cannot be opened at all) and to PACKET (a line about one packet, for -D).
    """

    kind: Kind
    door: int = 0
    stage: int = 0
    interface: int = 0
    count: int = 0
    source: bytes = b""
    destination: bytes = b""
    text: str = ""

    def encode(self) -> bytes:
        """The message as it goes over the link."""
        version = {0: 0, 4: 4, 16: 6}[len(self.source)]
        head = _EVENT.pack(
            self.kind,
            version,
            self.door,
            self.stage,
            self.interface,
            self.count,
            self.source,
            self.destination,
        )
        text = self.text.encode("utf-8", "replace")[:MAX_TEXT]
        return head + text.decode("utf-8", "ignore").encode()  # a character that was cut in two is left out


def decode(data: bytes, doors: int, interfaces: int) -> Message:
    """Reads a message of the packet process; raises MalformedError for anything it cannot mean."""
    if len(data) < _EVENT.size:
        raise MalformedError(f"{len(data)} bytes")
    number, version, door, stage, interface, count, source, destination = _EVENT.unpack_from(data)
    text = data[_EVENT.size :]
    if len(text) > MAX_TEXT:
        raise MalformedError(f"{len(data)} bytes")
    try:
        kind = Kind(number)
        message = text.decode()
    except ValueError as error:
        raise MalformedError(str(error)) from error
    if kind in {Kind.FAILED, Kind.READY, Kind.PACKET}:
        return Message(kind, stage=stage, text=message)
    if kind is Kind.LOST:
        interface = _within(interface, interfaces, "interface")
        return Message(kind, stage=_within(stage, 2, "stage"), interface=interface, text=message)
    if text:
        raise MalformedError(f"{len(data)} bytes")
    if kind is Kind.PONG:
        return Message(kind)
    if kind in _COUNTS:
        interface = _within(interface, interfaces, "interface")
        return Message(kind, stage=_within(stage, 2, "stage"), count=count, interface=interface)
    if version not in {4, 6}:
        raise MalformedError(f"IP version {version}")
    size = 4 if version == 4 else 16
    return Message(
        kind,
        door=_within(door, doors, "door"),
        stage=_within(stage, 33, "stage"),
        interface=_within(interface, interfaces, "interface"),
        count=count if kind is Kind.OPENED else 0,
        source=source[:size],
        destination=destination[:size],
    )


def _within(number: int, limit: int, what: str) -> int:
    if number >= limit:
        raise MalformedError(f"{what} {number} of {limit}")
    return number


@dataclass(frozen=True, slots=True)
class View:
    """What may change while a packet process lives.

    ``addresses``: packed addresses of each interface by name; ``sequences``: the live
    steps of doors whose sequence changes, by the door's place (no steps: it matches nothing).
    The packet process answers every view with PONG as soon as it is in effect; one with nothing
    in it only asks for that answer.
    """

    addresses: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    sequences: Mapping[int, tuple[Step, ...]] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The view as it goes over the link."""
        addresses = {name: sorted(a.hex() for a in packed) for name, packed in self.addresses.items()}
        sequences = {
            str(d): [(s.port, int(s.protocol)) for s in steps] for d, steps in self.sequences.items()
        }
        return json.dumps({"addresses": addresses, "sequences": sequences}, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> View:
        """Reads what ``encode`` wrote."""
        values: dict[str, dict[str, Sequence[Any]]] = json.loads(data)
        return View(
            {
                name: frozenset(bytes.fromhex(a) for a in packed)
                for name, packed in values["addresses"].items()
            },
            {
                int(door): tuple(Step(port, Protocol(protocol)) for port, protocol in steps)
                for door, steps in values["sequences"].items()
            },
        )


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a link, the keeper's first, both non-blocking."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end, room in zip(ends, (MAX_MESSAGE, MAX_UNREAD), strict=True):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    return ends
