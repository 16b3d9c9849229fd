"""Which sections are doors, which are templates, and what each door inherits from.

``[child : parent]`` splits at the last colon only when a section of the parent's name without a
sequence exists. 0.8 rejects such a section, so no file that was valid there changes its meaning.
A section without a sequence that no other inherits from is a door if signed knocks open it.

Pure.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from knockd_conf import fields, keys
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.errors import Note, Problem, seen
from knockd_conf.ini import RawSection
from knockd_conf.text import printable

MAX_TEMPLATES: Final = 32
"""How many templates a door inherits from, each the parent of the one before."""

MAX_COMPARED: Final = 256
"""Among more templates than this none is looked for whose name is like another."""

_SEQUENCE_KEYS: Final = frozenset(
    key.name.lower() for key in (keys.SEQUENCE, keys.ONE_TIME, keys.SEQUENCE_KEY)
)

_SIGNED: Final = keys.SIGNED_PORT.name.lower()
_KINDS: Final = f"{keys.SEQUENCE.name}, {keys.ONE_TIME.name}, {keys.SEQUENCE_KEY.name}"
_WAYS: Final = f"{_KINDS} or {keys.SIGNED_PORT.name}"


@dataclass(frozen=True, slots=True)
class Named:
    """A section with its name as the log shows it and its template's name, None without one."""

    name: str
    parent: str | None
    section: RawSection


@dataclass(frozen=True, slots=True)
class Lineage:
    """A door and its templates, nearest first."""

    door: Named
    templates: tuple[Named, ...]


class Arranged(NamedTuple):
    """The doors in order, what is wrong with doors and templates, and what may surprise."""

    doors: tuple[Lineage, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]


def arrange_sections(sections: Sequence[RawSection], signed: bool = False) -> Arranged:
    """Doors and templates among ``sections``; ``signed``: [options] have a Signed_Port, for whatever host."""
    named = _split(sections)
    wanted = {one.parent for one in named}
    bare = [one for one in named if not has_sequence(one.section)]
    templates: dict[str, Named] = {}
    problems = [problem for one in named for problem in _bad_name(one)]
    unused = [one for one in bare if one.name not in wanted]
    for one in bare:
        if one.name not in wanted:
            continue
        if one.name in templates:
            first = templates[one.name].section
            problems.append(
                _problem(
                    one,
                    f"expected one template of this name, got a second (first: {first.path}:{first.line})",
                )
            )
        else:
            templates[one.name] = one
    problems += _bad_chains(templates)
    alone = [one for one in unused if _is_signed([one, *_ancestors(one, templates)], signed)]
    for one in unused:
        if one not in alone:
            problems.append(_problem(one, _without_sequence(one, [other.name for other in bare], named)))
    doors = [one for one in named if has_sequence(one.section) or one in alone]
    return Arranged(
        tuple(Lineage(one, _ancestors(one, templates)) for one in doors),
        tuple(problems),
        tuple(_find_lost_parents(doors, [one.name for one in bare])),
    )


def is_misnamed(section: RawSection) -> bool:
    """Whether a section is meant to be [options] and has another name."""
    if section.name == keys.OPTIONS or has_sequence(section):
        return False
    given = [key.name for key in section.keys]
    of_options = [name for name in given if keys.belongs(name, options=True)]
    of_doors = [name for name in given if keys.belongs(name, options=False)]
    return section.name.strip().lower() == keys.OPTIONS or (
        not set(of_options) <= set(of_doors) and set(of_doors) <= set(of_options)
    )


def has_sequence(section: RawSection) -> bool:
    """Whether a section says a sequence itself, for whatever host."""
    return any(key.name.lower() in _SEQUENCE_KEYS for key in section.keys)


def _is_signed(lineage: Sequence[Named], signed: bool) -> bool:
    """Whether signed knocks open a section on any host: the nearest that has a Signed_Port decides."""
    for one in lineage:
        values = [key.value or "" for key in one.section.keys if key.name.lower() == _SIGNED]
        if values:
            return any(value.strip().lower() != fields.NO_PORT for value in values)
    return signed


def _split(sections: Sequence[RawSection]) -> list[Named]:
    # Assume that every colon divides, then take back those whose parent does not exist. Each one
    # taken back may remove the last section of a name, on which others rely.
    named = [_divided(section) for section in sections]
    bare = Counter(one.name for one in named if not has_sequence(one.section))
    heirs: dict[str, list[int]] = {}
    for index, one in enumerate(named):
        if one.parent is not None:
            heirs.setdefault(one.parent, []).append(index)
    missing = [name for name in heirs if not bare[name]]
    while missing:
        for index in heirs[missing.pop()]:
            one = named[index]
            named[index] = Named(one.section.name, None, one.section)
            if not has_sequence(one.section):
                bare[one.name] -= 1
                if not bare[one.name] and one.name in heirs:
                    missing.append(one.name)
    return named


def _divided(section: RawSection) -> Named:
    child, colon, parent = section.name.rpartition(":")
    return Named(child.strip(), parent.strip(), section) if colon else Named(section.name, None, section)


def _bad_name(one: Named) -> Iterable[Problem]:
    try:
        fields.door_name(one.name)
        if one.name == keys.OPTIONS:
            raise ValueError("expected another name for a door, got the name of the global section")
    except ValueError as error:
        yield Problem(one.section.path, one.section.line, None, str(error))


def _find_lost_parents(doors: Iterable[Named], templates: Sequence[str]) -> Iterator[Note]:
    """A note for each door whose name looks like ``child : parent`` and whose parent is no template."""
    names = {one.name for one in doors}
    for one in doors:
        if one.parent is None and ":" in one.name:
            parent = _divided(one.section).parent or ""
            nearest = _nearest(parent, templates)
            if nearest or " : " in one.name:
                what = (
                    "is a door, as it has a sequence, and no template"
                    if parent in names
                    else "is no template"
                )
                message = f"{seen(parent)} {what}{nearest}: the door is called {seen(one.name)}"
                yield Note(one.section.path, one.section.line, f"[{one.name}]", message)


def _nearest(parent: str, templates: Sequence[str]) -> str:
    if len(templates) > MAX_COMPARED:
        return ""
    found = difflib.get_close_matches(parent, templates, n=1, cutoff=0.75)
    return f" (the nearest is {seen(found[0])})" if found else ""


def _without_sequence(one: Named, templates: Sequence[str], sections: Sequence[Named]) -> str:
    if one.parent is None and ":" in one.name:
        parent = _divided(one.section).parent or ""
        return (
            f"expected a {_KINDS}, {keys.SIGNED_PORT.name} or a template, got a door without them"
            f" ({seen(parent)} is no template{_nearest(parent, templates)})"
        )
    if one.parent is not None:
        return f"expected a {_WAYS}, got a door without one (its template {seen(one.parent)} has none either)"
    lost = _find_lost_child(one, [other for other in sections if ":" in other.name])
    return (
        f"expected a {_WAYS}, got a door without one"
        f" (a template may lack it, but no section names this one as its template{lost})"
    )


def _find_lost_child(one: Named, doors: Sequence[Named]) -> str:
    """Who may have meant the template ``one``, in words for a message."""
    if len(doors) > MAX_COMPARED:
        return ""
    parents = {_divided(door.section).parent or "": door for door in doors}
    found = difflib.get_close_matches(one.name, parents, n=1, cutoff=0.75)
    if not found:
        return ""
    meant = parents[found[0]]
    return f"; is it meant by [{printable(meant.name)}] in line {meant.section.line}?"


def _bad_chains(templates: dict[str, Named]) -> Iterable[Problem]:
    for one in templates.values():
        names = [one.name]
        parent = one.parent
        while parent in templates and parent not in names and len(names) <= MAX_TEMPLATES:
            names.append(parent)
            parent = templates[parent].parent
        if parent == one.name:
            loop = " : ".join([*names, one.name])
            yield _problem(one, f"expected templates that do not inherit from themselves, got {seen(loop)}")
        elif len(names) > MAX_TEMPLATES:
            yield _problem(one, f"expected at most {MAX_TEMPLATES} templates above each other, got more")


def _ancestors(door: Named, templates: dict[str, Named]) -> tuple[Named, ...]:
    found: list[Named] = []
    parent = door.parent
    while parent in templates and len(found) < MAX_TEMPLATES:
        found.append(templates[parent])
        parent = templates[parent].parent
    return tuple(found)


def _problem(one: Named, message: str) -> Problem:
    return Problem(one.section.path, one.section.line, f"[{one.name}]", message)
