"""What is wrong with a configuration (Problem), what may surprise (Note), and where it is written (Place).

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.text import printable

MAX_SEEN: Final = 60
"""How many characters of a bad value a message repeats."""

MAX_ALSO: Final = 5
"""How many further places a note names; the rest are only counted."""


class Place(NamedTuple):
    """Where something is written. ``line`` counts from 1; it and ``key`` are None when there is none to name.

    ``key`` is a key as written, or a section's name in brackets.
    """

    path: str
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        return _printed(self.path, self.line, self.key)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. ``line`` counts from 1; it and ``key`` are None when there is none to name.

    ``passing``: it may be gone the next time with nothing done about it.
    """

    path: str
    line: int | None
    key: str | None
    message: str
    passing: bool = False

    def __str__(self) -> str:
        return f"{_printed(self.path, self.line, self.key)}: {self.message}"


class Note(NamedTuple):
    """Something that is allowed and may surprise. ``also``: the further places that it is true of."""

    path: str
    line: int | None
    key: str | None
    message: str
    also: tuple[Place, ...] = ()

    def __str__(self) -> str:
        text = f"{_printed(self.path, self.line, self.key)}: {self.message}"
        if not self.also:
            return text
        named = [
            f"line {one.line}" if one.path == self.path else _printed(one.path, one.line, None)
            for one in self.also[:MAX_ALSO]
        ]
        rest = len(self.also) - len(named)
        return f"{text} (also {', '.join(named)}{f' and {rest} more' if rest else ''})"


def merge_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The notes by the first place of each; those that say the same of several places are one."""
    places: dict[tuple[str, str], list[Place]] = {}
    for note in notes:
        kind = "[" if note.key is not None and note.key.startswith("[") else (note.key or "").lower()
        places.setdefault((kind, note.message), []).append(Place(*note[:3]))
    return tuple(_merged(message, dict.fromkeys(where)) for (_, message), where in places.items())


def _merged(message: str, places: Iterable[Place]) -> Note:
    first, *others = places
    return Note(*first, message, tuple(others))


def _printed(path: str, line: int | None, key: str | None) -> str:
    place = printable(path) if line is None else f"{printable(path)}:{line}"
    return place if key is None else f"{place}: {printable(key)}"


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` holds every reason, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def passing(self) -> bool:
        """Whether trying again may be all that is needed."""
        return all(problem.passing for problem in self.problems)


def seen(text: str) -> str:
    """``text`` as messages quote it: in single quotes, printable, at most MAX_SEEN characters of it."""
    short = text if len(text) <= MAX_SEEN else text[:MAX_SEEN] + "..."
    return f"'{printable(short)}'"
