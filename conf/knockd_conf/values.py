"""Raw keys to typed values: every value is judged, then those that hold on this host are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from knockd_conf import keys
from knockd_conf.errors import Problem
from knockd_conf.ini import RawKey, RawSection

GENERAL, SHORT, FULL = range(3)
"""How closely a key is meant for this host: for all, by its short name, by the name given."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a section whose value is good."""

    path: str
    raw: RawKey
    key: keys.Key
    value: Any


def closeness(variant: str | None, host: str) -> int | None:
    """GENERAL, SHORT or FULL when a key for ``variant`` holds on ``host``, else None."""
    if variant is None:
        return GENERAL
    name, wanted = host.lower(), variant.lower()
    if wanted == name:
        return FULL
    return SHORT if wanted == name.partition(".")[0] else None


def judge(section: RawSection) -> tuple[tuple[Entry, ...], tuple[Problem, ...]]:
    """The good entries of a section, for whatever host, and what is wrong with the others."""
    good: list[Entry] = []
    problems: list[Problem] = []
    for raw in section.keys:
        try:
            key = keys.find(raw.name, options=section.name == keys.OPTIONS)
            good.append(Entry(section.path, raw, key, keys.parse(key, raw.value)))
        except ValueError as error:
            problems.append(Problem(section.path, raw.line, raw.written, str(error)))
    return tuple(good), tuple(problems)


def chosen(entries: Iterable[Entry], host: str) -> Mapping[str, Entry]:
    """Field name to the entry that holds on ``host``: the closest one, the last of equals (as in 0.8)."""
    best: dict[str, tuple[int, Entry]] = {}
    for entry in entries:
        rank = closeness(entry.raw.host, host)
        if rank is not None and (entry.key.field not in best or best[entry.key.field][0] <= rank):
            best[entry.key.field] = (rank, entry)
    return {field: entry for field, (_, entry) in best.items()}
