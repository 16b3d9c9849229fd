"""What callers of the control socket give and get: addresses, seconds and doors read, rows of the protocol.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from knockd.leases.runner import CommandLine
from knockd.leases.survivors import LEASE
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Problem
from knockd_conf.model import Door
from knockd_conf.text import address_text, printable, well_formed

MOST_SECONDS = 366 * 86_400.0
"""The longest that somebody may be let in by hand."""

MOST_DOORS = 100
MOST_TEXTS = 40
MOST_TEXT = 500
"""Names of doors, problems or notes in one answer, and characters of one: a message has 64 kB."""

_EVERYBODY = frozenset({"0.0.0.0", "255.255.255.255", "::"})
"""What stands for no host: a firewall's tool would let everybody in."""

Row = dict[str, Any]


class RefusedError(Exception):
    """A call that fails with an error of the interface, and what that says."""

    def __init__(self, error: str, **parameters: object) -> None:
        super().__init__(error)
        self.error = error
        self.parameters = parameters


class Address(NamedTuple):
    """An address as commands see it (RFC 5952), and its IP version."""

    text: str
    version: int


def read_address(text: str, parameter: str = "address") -> Address:
    """The address of one host, in any spelling; an IPv4 address written as IPv6 is that IPv4 address.

    Raises RefusedError.
    """
    try:
        found = ip_address(text)
    except ValueError:
        raise bad_value(parameter, "an IPv4 or IPv6 address, neither a name nor a network", text) from None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise bad_value(parameter, "an address without a zone (%)", text)
        found = found.ipv4_mapped or found
    printed = address_text(found.packed)
    if printed in _EVERYBODY or found.is_multicast:
        raise bad_value(parameter, "the address of one host", text)
    return Address(printed, found.version)


def read_seconds(value: float, left: float = 0.0) -> float:
    """Seconds, more than 0; with those that are ``left`` at most MOST_SECONDS. Raises RefusedError."""
    if not 0 < value <= MOST_SECONDS - left:  # NaN is neither
        most = max(0.0, MOST_SECONDS - left)
        raise bad_value("seconds", f"more than 0 and at most {most:.0f}", str(value))
    return float(value)


def find_door(doors: Sequence[Door], name: str) -> Door:
    """The door of a name, of several the first in the file. Raises RefusedError."""
    for door in doors:
        if door.name == name:
            return door
    raise no_such_door(doors, name)


def no_such_door(doors: Sequence[Door], name: str) -> RefusedError:
    """There is no door of this name; these are those that there are."""
    names = list(dict.fromkeys(door.name for door in doors))[:MOST_DOORS]
    return RefusedError("NoSuchDoor", door=cut(name), doors=names)


def bad_value(parameter: str, expected: str, seen: str) -> RefusedError:
    """A parameter's value cannot be."""
    return RefusedError("BadValue", parameter=parameter, expected=expected, seen=cut(seen))


def cut(text: str) -> str:
    """A text of others, cut if it is very long."""
    text = printable(text)
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "..."


def list_problems(problems: Sequence[Problem]) -> list[Row]:
    """Problems of a configuration; those that there is no room for are counted in the last one."""
    rows = [
        {"path": printable(one.path), "line": one.line, "text": cut(str(one))}
        for one in problems[:MOST_TEXTS]
    ]
    more = len(problems) - len(rows)
    if more > 0:
        path = printable(problems[-1].path)
        rows.append({"path": path, "line": None, "text": f"{more} more problems: knockd -t lists them all"})
    return rows


def list_notes(notes: Iterable[object]) -> list[str]:
    """Notes on a configuration; those that there is no room for are counted in the last one."""
    texts = [cut(str(note)) for note in notes]
    more = len(texts) - MOST_TEXTS
    return texts if more <= 0 else [*texts[:MOST_TEXTS], f"{more} more notes: knockd -t lists them all"]


def run_row(found: tuple[CommandLine, str | None] | None, user: str) -> Row | None:
    """A command as it would be run by ``user``, in the environment that it gets besides our own.

    The random name of its lease is left out, which no other run will have.
    """
    if found is None:
        return None
    command, obstacle = found
    words = command.words
    own = {
        name: well_formed(value)
        for name, value in command.environment().items()
        if name.startswith("KNOCKD_") and name != LEASE
    }
    return {
        "command": well_formed(command.line),
        "words": None if words is None else [well_formed(word) for word in words],
        "environment": own,
        "user": user,
        "deadline": command.deadline,
        "obstacle": obstacle,
    }
