"""Raw keys to typed values: every value is judged, then those that hold on this host are chosen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from knockd_conf import keys
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.errors import Note, Place, Problem
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

    @property
    def place(self) -> Place:
        """Where it is written."""
        return Place(self.path, self.raw.line, self.raw.written)


def closeness(variant: str | None, host: str) -> int | None:
    """GENERAL, SHORT or FULL when a key for ``variant`` holds on ``host``, else None."""
    if variant is None:
        return GENERAL
    name, wanted = host.lower(), variant.lower()
    if wanted == name:
        return FULL
    return SHORT if wanted == name.partition(".")[0] else None


class Judged(NamedTuple):
    """A section's good entries, for whatever host, what is wrong with the others, and what may surprise."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]


def judge_section(section: RawSection) -> Judged:
    """Reads the values of a section."""
    good: list[Entry] = []
    problems: list[Problem] = []
    notes: list[Note] = []
    rest = 0
    """The last line that was the rest of the one before: the line after it may be, too."""
    for raw in section.keys:
        try:
            key, value, remark = _read(raw, options=section.name == keys.OPTIONS)
        except keys.UnknownKeyError as error:
            if raw.continues is None:
                problems.append(Problem(section.path, raw.line, raw.written, str(error)))
                continue
            if raw.continues != rest:
                message = f"expected key = value, got the rest of line {raw.continues}: write it in one line"
                problems.append(Problem(section.path, raw.line, None, message))
            rest = raw.line
        except ValueError as error:
            problems.append(Problem(section.path, raw.line, raw.written, str(error)))
        else:
            good.append(Entry(section.path, raw, key, value))
            if remark is not None:
                notes.append(Note(*good[-1].place, remark))
    return Judged(tuple(good), tuple(problems), (*notes, *_find_replaced(good)))


def _read(raw: RawKey, *, options: bool) -> tuple[keys.Key, Any, str | None]:
    """The key, its value and a remark about it. Raises ValueError."""
    try:
        key = keys.find_key(raw.name, options=options)
    except keys.UnknownKeyError:
        if raw.value is None:
            raise keys.UnknownKeyError("expected key = value, got no '='") from None
        raise
    value, remark = (None, None) if raw.value is None else keys.tidy_value(key, raw.value)
    return key, keys.parse_value(key, value), remark


def _find_replaced(entries: Iterable[Entry]) -> Iterator[Note]:
    """A note for every entry that a later one of the same section replaces with another value."""
    last: dict[tuple[str, str | None], Entry] = {}
    for entry in entries:
        if entry.key is keys.INCLUDE:
            continue
        host = None if entry.raw.host is None else entry.raw.host.lower()
        before = last.get((entry.key.field, host))
        if before is not None and before.value != entry.value:
            yield Note(*before.place, f"replaced by {entry.raw.written} in line {entry.raw.line}")
        last[entry.key.field, host] = entry


def choose_entries(entries: Iterable[Entry], host: str) -> Mapping[str, Entry]:
    """Field name to the entry that holds on ``host``: the closest one, the last of equals (as in 0.8)."""
    best: dict[str, tuple[int, Entry]] = {}
    for entry in entries:
        rank = closeness(entry.raw.host, host)
        if rank is not None and (entry.key.field not in best or best[entry.key.field][0] <= rank):
            best[entry.key.field] = (rank, entry)
    return {field: entry for field, (_, entry) in best.items()}
