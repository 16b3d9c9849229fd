"""What is wrong with a configuration, as values: one Problem a mistake, all of them in one ConfigError."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_SEEN: Final = 60
"""How many characters of a bad value a message repeats."""


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
        place = printable(self.path) if self.line is None else f"{printable(self.path)}:{self.line}"
        return ": ".join((place, *(() if self.key is None else (printable(self.key),)), self.message))


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` holds every reason, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def passing(self) -> bool:
        """Whether trying again may be all that is needed."""
        return all(problem.passing for problem in self.problems)


def printable(text: str) -> str:
    """``text`` with everything a terminal would not show as itself written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def seen(text: str) -> str:
    """``text`` as messages quote it: in single quotes, printable, at most MAX_SEEN characters of it."""
    short = text if len(text) <= MAX_SEEN else text[:MAX_SEEN] + "..."
    return f"'{printable(short)}'"
