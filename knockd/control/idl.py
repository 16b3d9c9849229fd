"""Reads an interface in varlink's language, and judges parameters by it.

The language is that of varlink.org/Interface-Definition. Interfaces come from our own source alone: what
cannot be read is a ValueError.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from knockd_conf.classes import NamedTuple

_TOKEN = re.compile(r"#[^\n]*|\s+|(->|\[\]|\[string\]|[?(),:]|[A-Za-z][A-Za-z0-9_.-]*)")
_INT64 = 1 << 63


class Kind(Enum):
    """What a value is. A NAMED one is a type that the interface defines."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    OBJECT = "object"
    ENUM = "enum"
    STRUCT = "struct"
    ARRAY = "[]"
    MAP = "[string]"
    NAMED = "named"


class Type(NamedTuple):
    """A type: ``fields`` of a STRUCT, ``words`` of an ENUM, ``of`` of ARRAY and MAP, ``name`` of a NAMED."""

    kind: Kind
    nullable: bool = False
    fields: Mapping[str, Type] = {}
    words: tuple[str, ...] = ()
    of: Type | None = None
    name: str = ""


class Method(NamedTuple):
    """What a method takes and answers; both are STRUCTs."""

    takes: Type
    answers: Type


class Interface(NamedTuple):
    """An interface: its types, methods and errors by their short names."""

    name: str
    types: Mapping[str, Type]
    methods: Mapping[str, Method]
    errors: Mapping[str, Type]


class MismatchError(ValueError):
    """A value is not what the interface says; ``where`` is its name, ``leases.state`` within others."""

    def __init__(self, where: str, expected: str) -> None:
        super().__init__(f"{where}: expected {expected}")
        self.where = where


def read_interface(text: str) -> Interface:
    """Returns the interface that ``text`` describes. Raises ValueError."""
    return _Reader(text).read()


def check_fields(interface: Interface, struct: Type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a struct without those that are null, numbers in float fields as floats.

    Raises MismatchError for one that is unknown, missing or of another type.
    """
    return _check_struct(interface, struct, values, "")


def _check_struct(interface: Interface, struct: Type, values: Any, where: str) -> dict[str, Any]:
    for name in values:
        if name not in struct.fields:
            raise MismatchError(where + str(name), "no such field")
    found = {}
    for name, wanted in struct.fields.items():
        value = values.get(name)
        if value is not None:
            found[name] = _check(interface, wanted, value, where + name)
        elif not wanted.nullable:
            raise MismatchError(where + name, "a value")
    return found


def _check(interface: Interface, wanted: Type, value: Any, where: str) -> Any:
    kind = wanted.kind
    if kind is Kind.NAMED:
        return _check(interface, interface.types[wanted.name], value, where)
    if kind is Kind.FLOAT and _is_int(value):
        return float(value)
    if kind is Kind.ENUM and value in wanted.words:
        return value
    if kind is Kind.STRUCT and isinstance(value, Mapping):
        return _check_struct(interface, wanted, value, f"{where}.")
    if kind is Kind.ARRAY and isinstance(value, list | tuple):
        return [_check_item(interface, wanted, one, where) for one in value]
    if kind is Kind.MAP and isinstance(value, Mapping):
        return {name: _check_item(interface, wanted, one, where) for name, one in value.items()}
    plain = {
        Kind.BOOL: isinstance(value, bool),
        Kind.INT: _is_int(value),
        Kind.FLOAT: isinstance(value, float),
        Kind.STRING: isinstance(value, str),
        Kind.OBJECT: isinstance(value, Mapping),
    }
    if not plain.get(kind, False):
        raise MismatchError(where, " or ".join(wanted.words) or kind.value)
    return value


def _check_item(interface: Interface, wanted: Type, value: Any, where: str) -> Any:
    assert wanted.of is not None
    if value is None and wanted.of.nullable:
        return None
    return _check(interface, wanted.of, value, where)


def _is_int(value: Any) -> bool:
    """Whether it is a number that other programs have room for."""
    return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64


class _Reader:
    """Reads a description, a word after the other."""

    def __init__(self, text: str) -> None:
        self._words = [*_split(text), ""]
        self._at = 0

    def read(self) -> Interface:
        self._expect("interface")
        interface = self._next()
        types: dict[str, Type] = {}
        methods: dict[str, Method] = {}
        errors: dict[str, Type] = {}
        while word := self._next():
            name = self._next()
            if name in {*types, *methods, *errors}:
                raise ValueError(f"{name} is there twice")
            if word == "type":
                types[name] = self._read_parts()
            elif word == "error":
                errors[name] = self._read_parts()
            elif word == "method":
                takes = self._read_parts()
                self._expect("->")
                methods[name] = Method(takes, self._read_parts())
            else:
                raise ValueError(f"expected type, method or error, got {word}")
        return Interface(interface, types, methods, errors)

    def _read_type(self) -> Type:
        word = self._next()
        if word == "?":
            return self._read_type()._replace(nullable=True)
        if word in {"[]", "[string]"}:
            return Type(Kind(word), of=self._read_type())
        if word == "(":
            self._at -= 1
            return self._read_parts()
        if word in {"bool", "int", "float", "string", "object"}:
            return Type(Kind(word))
        return Type(Kind.NAMED, name=word)

    def _read_parts(self) -> Type:
        """Reads a struct, or the words of an enum: they have no types."""
        self._expect("(")
        fields: dict[str, Type] = {}
        words: list[str] = []
        while (word := self._next()) != ")":
            if word == ",":
                continue
            if self._words[self._at] == ":":
                self._at += 1
                fields[word] = self._read_type()
            elif word:
                words.append(word)
            else:
                raise ValueError("expected ), got the end")
        return Type(Kind.ENUM, words=tuple(words)) if words else Type(Kind.STRUCT, fields=fields)

    def _next(self) -> str:
        word = self._words[self._at]
        self._at = min(self._at + 1, len(self._words) - 1)
        return word

    def _expect(self, wanted: str) -> None:
        if (word := self._next()) != wanted:
            raise ValueError(f"expected {wanted}, got {word or 'the end'}")


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"expected a word of the language, got {text[at : at + 10]!r}")
        at = found.end()
        if found[1]:
            yield found[1]
