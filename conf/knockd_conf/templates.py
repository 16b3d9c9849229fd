"""Which sections are doors, which are templates, and what each door inherits from.

``[child : parent]`` splits at the last colon only when a section of the parent's name without a
sequence exists. 0.8 rejects such a section, so no file that was valid there changes its meaning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from knockd_conf import fields, keys
from knockd_conf.errors import Problem, seen
from knockd_conf.ini import RawSection

MAX_TEMPLATES: Final = 32
"""How many templates a door inherits from, each the parent of the one before."""

_SEQUENCE_KEYS: Final = frozenset({keys.SEQUENCE.name.lower(), keys.ONE_TIME.name.lower()})


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


def arrange(sections: Sequence[RawSection]) -> tuple[tuple[Lineage, ...], tuple[Problem, ...]]:
    """The doors among ``sections`` in order, and what is wrong with doors and templates."""
    named = _split(sections)
    wanted = {one.parent for one in named}
    bare = [one for one in named if not has_sequence(one.section)]
    templates: dict[str, Named] = {}
    problems = [problem for one in named for problem in _bad_name(one)]
    for one in bare:
        if one.name not in wanted:
            problems.append(_problem(one, _without_sequence(one)))
        elif one.name in templates:
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
    doors = [one for one in named if has_sequence(one.section)]
    return tuple(Lineage(one, _ancestors(one, templates)) for one in doors), tuple(problems)


def has_sequence(section: RawSection) -> bool:
    """Whether a section says a sequence itself, for whatever host."""
    return any(key.name.lower() in _SEQUENCE_KEYS for key in section.keys)


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


def _without_sequence(one: Named) -> str:
    if one.parent is not None:
        return (
            f"expected a Sequence or One_Time_Sequences, got a door without one "
            f"(its template {seen(one.parent)} has none either)"
        )
    return (
        "expected a Sequence or One_Time_Sequences, got a door without one "
        "(a template may lack it, but no section names this one as its template)"
    )


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
