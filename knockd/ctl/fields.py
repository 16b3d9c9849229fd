"""One JSON object of the daemon, field by field: what is missing or of another type is refused.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


class UnknownReply(Exception):
    """An answer that is not as the interface describes it; the text names the field."""


class Fields:
    """The fields of one JSON object. Each method raises UnknownReply when the field is not as asked for."""

    def __init__(self, found: object) -> None:
        if not isinstance(found, Mapping):
            raise UnknownReply("an object is expected")
        self._found: Mapping[str, Any] = found

    def text(self, name: str) -> str:
        """A string."""
        return _checked(name, self._found.get(name), str)

    def maybe_text(self, name: str) -> str | None:
        """A string, or None."""
        return None if self._found.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        """A boolean."""
        return _checked(name, self._found.get(name), bool)

    def count(self, name: str) -> int:
        """A whole number."""
        return int(self.number(name))

    def maybe_count(self, name: str) -> int | None:
        """A whole number, or None."""
        return None if self._found.get(name) is None else self.count(name)

    def number(self, name: str) -> float:
        """A number; seconds, mostly."""
        found = self._found.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise UnknownReply(f"'{name}' is not as expected")
        return found

    def maybe_number(self, name: str) -> float | None:
        """A number, or None."""
        return None if self._found.get(name) is None else self.number(name)

    def items(self, name: str, read: Callable[[Any], _T]) -> tuple[_T, ...]:
        """What ``read`` makes of each item."""
        return tuple(read(one) for one in _checked(name, self._found.get(name), list))

    def texts(self, name: str) -> tuple[str, ...]:
        """Strings."""
        return self.items(name, lambda one: _checked(name, one, str))

    def maybe_texts(self, name: str) -> tuple[str, ...] | None:
        """Strings, or None."""
        return None if self._found.get(name) is None else self.texts(name)

    def table(self, name: str) -> Mapping[str, str]:
        """Strings by their names."""
        found = _checked(name, self._found.get(name), dict)
        return {str(key): _checked(name, value, str) for key, value in found.items()}

    def record(self, name: str, read: Callable[[Any], _T]) -> _T:
        """What ``read`` makes of an object."""
        return read(self._found.get(name))

    def maybe_record(self, name: str, read: Callable[[Any], _T]) -> _T | None:
        """What ``read`` makes of an object, or None."""
        return None if self._found.get(name) is None else self.record(name, read)


def _checked(name: str, found: object, kind: type[_T]) -> _T:
    if not isinstance(found, kind):
        raise UnknownReply(f"'{name}' is not as expected")
    return found
