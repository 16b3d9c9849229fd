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

MAX_RECORD: Final = 1 << 20
"""Bytes of the longest message: one with the most rows, of the longest names, is shorter."""

MOST_ROWS: Final = 250
"""Openings in one message."""

MAX_NAME: Final = 255
"""Characters of the name of a door or a gateway."""

MAX_SECONDS: Final = 10.0 * 365 * 86_400
"""Seconds that an opening lasts at most."""

MAX_EVERY: Final = 3600.0
"""Seconds between two signs of life at most."""

_CODE: Final = 32
_PREFIX: Final = b"knockd fleet 1 message\n"
_BURN: Final = b"knockd fleet 1 burnt\n"
_ID: Final = 16
"""Characters of the name of a run, and of a nonce: 64 random bits in hex."""

_HEX: Final = frozenset("0123456789abcdef")


class Kind(Enum):
    """What a message is. HELLO, CHANGE, USED and BYE are for all; the others are for one gateway."""

    HELLO = "hello"
    ASK = "ask"
    PROOF = "proof"
    WANT = "want"
    STATE = "state"
    CHANGE = "change"
    USED = "used"
    BYE = "bye"


class Version(NamedTuple):
    """Which of two changes of one opening is the newer one: that with the greater version."""

    clock: int
    run: str


OLDEST: Final = Version(0, "")
"""Of what nobody remembers any more."""


class Row(NamedTuple):
    """An opening, or one that is over where ``seconds`` is 0. None: nothing closes it."""

    door: str
    address: str
    seconds: float | None
    version: Version


class Message(NamedTuple):
    """One message. ``run`` names this run of its sender; ``to`` that of the receiver, empty for all.

    ``number`` is greater than all before; messages for all have numbers of their own. ``changes``: how
    many CHANGEs it has said, with this one. ``at``: seconds of the sender's clock since boot.
    """

    kind: Kind
    run: str
    gateway: str
    to: str
    number: int
    changes: int
    at: float
    body: Any


class Hello(NamedTuple):
    """I am here. ``nonce``: prove with it that you live; empty: no need. ``whole``: I know all that is open.

    ``every``: seconds until the next one at most.
    """

    nonce: str
    whole: bool
    every: float


class Proof(NamedTuple):
    """I live: here is your nonce. ``nonce``: prove it, too; empty: no need.

    ``wall``: my wall clock, in seconds since the epoch. ``whole``: I know all that is open.
    """

    echo: str
    nonce: str
    wall: float
    whole: bool


class Want(NamedTuple):
    """What has changed ``after`` a time of your clock? ``own``: by you alone, not by others."""

    own: bool
    after: float


class State(NamedTuple):
    """An answer to a WANT, oldest change first. ``more``: ask again, for what changed after ``last``."""

    want: Want
    rows: tuple[Row, ...]
    last: float
    more: bool


class ForgedError(ValueError):
    """A message that no gateway of the fleet has made."""


class Seal:
    """Makes and checks the codes of a fleet. ``key``: its secret, at most 64 bytes; ``fleet``: its name."""

    def __init__(self, key: bytes, fleet: str) -> None:
        self._messages = KeyedHash(key, _PREFIX + fleet.encode() + b"\n")
        self._burnt = KeyedHash(key, _BURN + fleet.encode() + b"\n")

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
    kind, run, gateway, to, number, changes, at, body = found
    made = Kind(kind)
    if made not in DIRECT and to != "":
        raise ValueError("it is for all")
    return Message(
        made,
        _id(run),
        _name(gateway),
        _id(to) if made in DIRECT else "",
        _whole(number),
        _whole(changes),
        _number(at),
        _PARTS[made][1](body),
    )


DIRECT: Final = frozenset({Kind.ASK, Kind.PROOF, Kind.WANT, Kind.STATE})
"""What is said to one gateway."""


def _pack_row(row: Row) -> list[Any]:
    return [row.door, row.address, row.seconds, *row.version]


def _row(found: Any) -> Row:
    door, address, seconds, clock, run = found
    if not isinstance(address, str) or "%" in address or str(ip_address(address)) != address:
        raise ValueError("no address")
    left = None if seconds is None else _number(seconds)
    if left is not None and not 0 <= left <= MAX_SECONDS:
        raise ValueError("no duration")
    return Row(_name(door), address, left, Version(_whole(clock), _id(run) if run else ""))


def _pack_state(state: State) -> list[Any]:
    return [state.want, [_pack_row(row) for row in state.rows], state.last, state.more]


def _state(found: Any) -> State:
    want, rows, last, more = found
    if len(rows) > MOST_ROWS:
        raise ValueError("too many rows")
    return State(_want(want), tuple(map(_row, rows)), _number(last), _flag(more))


def _want(found: Any) -> Want:
    own, after = found
    return Want(_flag(own), _number(after))


def _hello(found: Any) -> Hello:
    nonce, whole, every = found
    if not 0 < _number(every) <= MAX_EVERY:
        raise ValueError("no beat")
    return Hello(_nonce(nonce), _flag(whole), float(every))


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
    Kind.WANT: (list, _want),
    Kind.STATE: (_pack_state, _state),
    Kind.CHANGE: (_pack_row, _row),
    Kind.USED: (_same, _mark),
    Kind.BYE: (_same, _nothing),
}
"""How the body of each kind is written, and read."""
