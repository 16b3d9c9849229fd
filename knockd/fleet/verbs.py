"""What the keeper and its fleet child say to each other, a JSON array a datagram: the verb and its fields.

The child speaks with the network, so the keeper takes nothing from it but what ``read_report`` lets through.
No message holds a command: a door is named, and what is run for it is the keeper's own configuration.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final

from knockd_conf.classes import NamedTuple

MAX_MESSAGE: Final = 65_536
"""Bytes of the longest message."""

MOST_TEXT: Final = 1_000
"""Characters of a text at most."""

MOST_ROWS: Final = 50
"""Rows of an overview in one message."""


class Verdict(Enum):
    """What the store has said of a knock."""

    FRESH = "fresh"
    USED = "used"
    UNREACHABLE = "unreachable"


# Orders: keeper to child.


class Burn(NamedTuple):
    """Note in the store that a knock is used, for some seconds. ``value`` names the knock.

    ``tell``: other gateways may have it live, and are to hear of it.
    """

    number: int
    value: str
    seconds: int
    tell: bool


class Reach(NamedTuple):
    """Say whether the store answers."""

    number: int


class Watch(NamedTuple):
    """Say when this knock is used elsewhere, or was. It takes the place of the one before of its door."""

    door: str
    value: str


class Open(NamedTuple):
    """A door has been opened here, or given more time. ``seconds``: None: nothing closes it."""

    door: str
    address: str
    seconds: float | None


class Close(NamedTuple):
    """A door has been closed here before its time."""

    door: str
    address: str


class Hold(NamedTuple):
    """A door was open before the child was started, for so many seconds more."""

    door: str
    address: str
    seconds: float


class Ask(NamedTuple):
    """Send an overview."""

    number: int


Order = Burn | Reach | Watch | Open | Close | Hold | Ask


# Reports: child to keeper.


class Answered(NamedTuple):
    """What has come of a Burn or a Reach."""

    number: int
    verdict: Verdict


class Opened(NamedTuple):
    """Another gateway has opened a door, or given it more time."""

    gateway: str
    door: str
    address: str
    seconds: float | None


class Closed(NamedTuple):
    """Another gateway has closed a door before its time."""

    gateway: str
    door: str
    address: str


class UsedUp(NamedTuple):
    """The knock that is watched of a door has been used elsewhere."""

    door: str
    value: str


class Came(NamedTuple):
    """A gateway is there."""

    gateway: str


class Left(NamedTuple):
    """A gateway is not there any more; ``silent``: it has not said so."""

    gateway: str
    silent: bool


class StoreIs(NamedTuple):
    """How the store is: ``problem`` is empty while it is reached, at ``endpoint``."""

    endpoint: str
    problem: str


class Overview(NamedTuple):
    """A part of an overview: figures by name, and rows of gateways and openings; ``more``: others follow.

    A gateway: name, run, seconds since it was heard, seconds by which its clock is ahead, seconds of a way
    there and back. An opening: door, address, seconds left, gateway.
    """

    number: int
    figures: Mapping[str, Any]
    gateways: tuple[tuple[Any, ...], ...]
    openings: tuple[tuple[Any, ...], ...]
    more: bool


Report = Answered | Opened | Closed | UsedUp | Came | Left | StoreIs | Overview


class MalformedError(ValueError):
    """What the child has said is none of its verbs."""


def write(message: Order | Report) -> bytes:
    """The datagram of a message."""
    fields = [field.value if isinstance(field, Verdict) else field for field in message]
    return json.dumps([type(message).__name__, *fields], separators=(",", ":")).encode()


def read_report(data: bytes) -> Report:
    """What the child says. Raises MalformedError, which shows nothing of it."""
    return _read(data, _REPORTS)  # type: ignore[no-any-return]


def read_order(data: bytes) -> Order:
    """What the keeper says. Raises MalformedError."""
    return _read(data, _ORDERS)  # type: ignore[no-any-return]


_Field = Callable[[Any], Any]


def _read(data: bytes, verbs: Mapping[str, tuple[Callable[..., Any], tuple[_Field, ...]]]) -> Any:
    try:
        name, *fields = json.loads(data)
        make, readers = verbs[name]
        return make(*(read(field) for read, field in zip(readers, fields, strict=True)))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MalformedError(f"a message of another form ({type(error).__name__})") from None


def _number(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 1 << 62:
        raise ValueError("no number")
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str) or len(found) > MOST_TEXT:
        raise ValueError("no text")
    return found


def _address(found: Any) -> str:
    if not isinstance(found, str) or str(ip_address(found)) != found:
        raise ValueError("no address")
    return found


def _seconds(found: Any) -> float:
    if type(found) not in (int, float) or not isfinite(found) or found < 0:
        raise ValueError("no duration")
    return float(found)


def _maybe_seconds(found: Any) -> float | None:
    return None if found is None else _seconds(found)


def _flag(found: Any) -> bool:
    if type(found) is not bool:
        raise ValueError("no flag")
    return found


def _figure(found: Any) -> Any:
    return _flag(found) if type(found) is bool else _text(found) if isinstance(found, str) else _real(found)


def _real(found: Any) -> float:
    if type(found) not in (int, float) or not isfinite(found):
        raise ValueError("no figure")
    return float(found)


def _figures(found: Any) -> Mapping[str, Any]:
    return {_text(name): _figure(value) for name, value in found.items()}


def _rows(found: Any) -> tuple[tuple[Any, ...], ...]:
    if not isinstance(found, list) or len(found) > MOST_ROWS:
        raise ValueError("no rows")
    return tuple(tuple(map(_figure, row)) for row in found)


def _gateways(found: Any) -> tuple[tuple[Any, ...], ...]:
    return _shaped(_rows(found), (str, str, float, float, float))


def _openings(found: Any) -> tuple[tuple[Any, ...], ...]:
    return _shaped(_rows(found), (str, str, float, str))


def _shaped(rows: tuple[tuple[Any, ...], ...], types: tuple[type, ...]) -> tuple[tuple[Any, ...], ...]:
    for row in rows:
        if tuple(map(type, row)) != types:
            raise ValueError("no row")
    return rows


_ORDERS: Final[Mapping[str, tuple[Callable[..., Any], tuple[_Field, ...]]]] = {
    "Burn": (Burn, (_number, _text, _number, _flag)),
    "Reach": (Reach, (_number,)),
    "Watch": (Watch, (_text, _text)),
    "Open": (Open, (_text, _address, _maybe_seconds)),
    "Close": (Close, (_text, _address)),
    "Hold": (Hold, (_text, _address, _seconds)),
    "Ask": (Ask, (_number,)),
}

_REPORTS: Final[Mapping[str, tuple[Callable[..., Any], tuple[_Field, ...]]]] = {
    "Answered": (Answered, (_number, Verdict)),
    "Opened": (Opened, (_text, _text, _address, _maybe_seconds)),
    "Closed": (Closed, (_text, _text, _address)),
    "UsedUp": (UsedUp, (_text, _text)),
    "Came": (Came, (_text,)),
    "Left": (Left, (_text, _flag)),
    "StoreIs": (StoreIs, (_text, _text)),
    "Overview": (Overview, (_number, _figures, _gateways, _openings, _flag)),
}
