"""What gateways say to each other: a code over each message, made with the fleet's key.

A message is 32 bytes of HMAC-SHA-256 and a JSON array behind them. Whoever owns the store can keep messages
back, repeat and delay them, but make none. ``unseal`` takes what ``seal`` can have made, and nothing else;
what a message that is repeated or late may do is for peers.py to say.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final

from knockd_conf.classes import NamedTuple
from knockd_conf.hashes import KeyedHash

MAX_RECORD: Final = 262_144
"""Bytes of the longest message: one with the most rows, of the longest names, is shorter."""

MOST_ROWS: Final = 100
"""Openings in one message."""

MAX_NAME: Final = 255
"""Characters of the name of a door or a gateway."""

MAX_SECONDS: Final = 10.0 * 365 * 86_400
"""Seconds that an opening lasts at most."""

_CODE: Final = 32
_PREFIX: Final = b"knockd fleet 1 message\n"
_BURN: Final = b"knockd fleet 1 burnt\n"
_ID: Final = 16
"""Characters of the name of a run, and of a nonce: 64 random bits in hex."""

_HEX: Final = frozenset("0123456789abcdef")


class Kind(Enum):
    """What a message is. HELLO, OPEN, CLOSE, USED and BYE are for all; the others are for one gateway."""

    HELLO = "hello"
    ASK = "ask"
    PROOF = "proof"
    WANT = "want"
    STATE = "state"
    OPEN = "open"
    CLOSE = "close"
    USED = "used"
    BYE = "bye"


class Version(NamedTuple):
    """Which of two changes of one opening is the newer one: that with the greater version."""

    clock: int
    run: str


OLDEST: Final = Version(0, "")
"""Of what nobody remembers any more."""


class Row(NamedTuple):
    """An opening, or a close where ``seconds`` is 0. None: nothing closes it."""

    door: str
    address: str
    seconds: float | None
    version: Version


class Message(NamedTuple):
    """One message. ``run`` names this run of its sender; ``to`` that of the receiver, empty for all.

    ``serial`` numbers the messages for all, ``direct`` those for one gateway: each is greater than the ones
    before, by one for those for all. ``at``: seconds of the sender's clock since boot.
    """

    kind: Kind
    run: str
    gateway: str
    to: str
    serial: int
    direct: int
    at: float
    body: Any


class Hello(NamedTuple):
    """I am here. ``nonce``: prove with it that you live; empty: no need. ``news``: you have missed something.

    ``every``: seconds until the next one at most.
    """

    nonce: str
    news: bool
    every: float


class Proof(NamedTuple):
    """I live: here is your nonce. ``nonce``: prove it, too; empty: no need.

    ``wall``: my wall clock, in seconds since the epoch. ``whole``: I know all that is open.
    """

    echo: str
    nonce: str
    wall: float
    whole: bool


class State(NamedTuple):
    """What is open and what was closed lately; ``more``: there is another one to come."""

    rows: tuple[Row, ...]
    more: bool


class ForgedError(ValueError):
    """A message that no gateway of the fleet has made."""


class Seal:
    """Makes and checks the codes of a fleet. ``key``: its secret, at most 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._messages = KeyedHash(key, _PREFIX)
        self._burnt = KeyedHash(key, _BURN)

    def seal(self, message: Message) -> bytes:
        """The bytes of a message."""
        text = json.dumps(_pack(message), separators=(",", ":")).encode()
        return self._messages.digest(text) + text

    def unseal(self, data: bytes) -> Message:
        """The message of some bytes. Raises ForgedError."""
        code, text = data[:_CODE], data[_CODE:]
        if len(data) > MAX_RECORD or not _is_same(self._messages.digest(text), code):
            raise ForgedError("its code is not the fleet's")
        try:
            return _parse(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise ForgedError(f"another form ({type(error).__name__})") from None

    def mark(self, value: str) -> str:
        """What stands in the store for a knock that is used: it tells nothing of the knock."""
        return self._burnt.digest(value.encode()).hex()


def _is_same(one: bytes, other: bytes) -> bool:
    """Whether two codes are the same, in a time that says nothing of where they differ."""
    difference = len(one) ^ len(other)
    for left, right in zip(one, other, strict=False):
        difference |= left ^ right
    return not difference


def _pack(message: Message) -> list[Any]:
    head = [message.kind.value, *message[1:7]]
    return [*head, _PARTS[message.kind][0](message.body)]


def _parse(found: Any) -> Message:
    kind, run, gateway, to, serial, direct, at, body = found
    made = Kind(kind)
    is_direct = made in DIRECT
    if (to != "") is not is_direct or (direct > 0) is not is_direct:
        raise ValueError("for one or for all")
    return Message(
        made,
        _id(run),
        _name(gateway),
        _id(to) if to else "",
        _whole(serial),
        _whole(direct),
        _number(at),
        _PARTS[made][1](body),
    )


DIRECT: Final = frozenset({Kind.ASK, Kind.PROOF, Kind.WANT, Kind.STATE})
"""What is said to one gateway."""


def _pack_row(row: Row) -> list[Any]:
    return [row.door, row.address, row.seconds, *row.version]


def _row(found: Any) -> Row:
    door, address, seconds, clock, run = found
    if not isinstance(address, str) or str(ip_address(address)) != address:
        raise ValueError("no address")
    left = None if seconds is None else _number(seconds)
    if left is not None and not 0 <= left <= MAX_SECONDS:
        raise ValueError("no duration")
    return Row(_name(door), address, left, Version(_whole(clock), _id(run) if run else ""))


def _pack_state(state: State) -> list[Any]:
    return [[_pack_row(row) for row in state.rows], state.more]


def _state(found: Any) -> State:
    rows, more = found
    if len(rows) > MOST_ROWS:
        raise ValueError("too many rows")
    return State(tuple(map(_row, rows)), _flag(more))


def _hello(found: Any) -> Hello:
    nonce, news, every = found
    return Hello(_nonce(nonce), _flag(news), _number(every))


def _proof(found: Any) -> Proof:
    echo, nonce, wall, whole = found
    return Proof(_id(echo), _nonce(nonce), _number(wall), _flag(whole))


def _nothing(found: Any) -> None:
    if found is not None:
        raise ValueError("something")


def _mark(found: Any) -> str:
    return _hex(found, 2 * _CODE)


def _nonce(found: Any) -> str:
    return found if found == "" else _id(found)


def _id(found: Any) -> str:
    return _hex(found, _ID)


def _same(found: Any) -> Any:
    return found


def _hex(found: Any, length: int) -> str:
    if not isinstance(found, str) or len(found) != length or not _HEX.issuperset(found):
        raise ValueError("no identifier")
    return found


def _name(found: Any) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= MAX_NAME:
        raise ValueError("no name")
    return found


def _whole(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 1 << 62:
        raise ValueError("no number")
    return found


def _number(found: Any) -> float:
    if type(found) not in (int, float) or not isfinite(found):
        raise ValueError("no number")
    return float(found)


def _flag(found: Any) -> bool:
    if type(found) is not bool:
        raise ValueError("no flag")
    return found


_PARTS: Final[dict[Kind, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    Kind.HELLO: (list, _hello),
    Kind.ASK: (_same, _id),
    Kind.PROOF: (list, _proof),
    Kind.WANT: (_same, _nothing),
    Kind.STATE: (_pack_state, _state),
    Kind.OPEN: (_pack_row, _row),
    Kind.CLOSE: (_pack_row, _row),
    Kind.USED: (_same, _mark),
    Kind.BYE: (_same, _nothing),
}
"""How the body of each kind is written, and read."""
