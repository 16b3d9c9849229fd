"""Keys of the control socket: which SSH keys may knock, and when each last did.

Pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from knockd.control.call import Call
from knockd.keeper.control_values import RefusedError, Row, bad_value, cut, no_such_door
from knockd_conf.model import Door

if TYPE_CHECKING:
    from knockd.signed.values import KnownKey

MOST_BYTES: Final = 50_000
"""Of the keys in one answer, as JSON: a message has 64 kB."""

MOST_DOORS: Final = 20
"""Doors that are named of one key; all are counted."""


class KeyCalls:
    """``doors`` are those of the configuration, ``keys`` those of all files."""

    def __init__(self, doors: Callable[[], Sequence[Door]], keys: Callable[[], Sequence[KnownKey]]) -> None:
        self._doors, self._keys = doors, keys

    def list_keys(self, call: Call) -> None:
        """Lists the keys, as many as one answer has room for."""
        name, skip = call.parameters.get("door"), call.parameters.get("skip") or 0
        try:
            call.reply(self._answer(name, skip))
        except RefusedError as error:
            call.fail(error.error, **error.parameters)

    def _answer(self, name: str | None, skip: int) -> Row:
        if skip < 0:
            raise bad_value("skip", "0 or more", str(skip))
        doors = self._doors()
        if name is not None and not any(door.name == name for door in doors):
            raise no_such_door(doors, name)
        files = list_doors_by_file(doors)
        wanted = [
            one
            for one in self._keys()
            if name is None or (name in files.get(one.path, ()) and _may(one, name))
        ]
        rows: list[Row] = []
        size = 0
        for one in wanted[skip:]:
            row = _row(one, [door for door in files.get(one.path, ()) if _may(one, door)])
            size += len(json.dumps(row)) + 2
            if size > MOST_BYTES:
                break
            rows.append(row)
        return {"keys": rows, "keys_total": len(wanted)}


def list_doors_by_file(doors: Iterable[Door]) -> dict[str, dict[str, None]]:
    """The names of the doors that signed knocks open, by their Authorized_Keys."""
    found: dict[str, dict[str, None]] = {}
    for door in doors:
        if door.is_signed and door.authorized_keys is not None:
            found.setdefault(door.authorized_keys, {})[door.name] = None
    return found


def count_keys(doors: Iterable[Door], keys: Iterable[KnownKey]) -> dict[str, int]:
    """How many keys there are for each door that signed knocks open, by its name."""
    unrestricted: Counter[str] = Counter()
    named: Counter[tuple[str, str]] = Counter()
    for one in keys:
        if one.key.doors is None:
            unrestricted[one.path] += 1
        for name in {*(one.key.doors or ())}:
            named[one.path, name] += 1
    return {
        name: unrestricted[path] + named[path, name]
        for path, names in list_doors_by_file(doors).items()
        for name in names
    }


def _may(one: KnownKey, name: str) -> bool:
    """Whether a key may open a door of this name that has its file."""
    return one.key.doors is None or name in one.key.doors


def _row(one: KnownKey, doors: Sequence[str]) -> Row:
    key = one.key
    return {
        "fingerprint": key.fingerprint,
        "comment": cut(key.comment),
        "path": cut(one.path),
        "line": key.line,
        "hardware": key.application is not None,
        "doors": list(doors[:MOST_DOORS]),
        "doors_total": len(doors),
        "expires": key.expires,
        "knocked": one.knocked,
        "address": one.source or None,
    }
