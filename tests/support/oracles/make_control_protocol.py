"""Prints what docs/control-protocol.md takes from the interface anew (make control-protocol)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from knockd.control.idl import Interface, Kind, Type, read_interface
from knockd.control.interface import DESCRIPTION
from knockd.control.service import CHANGING

PAGE = Path(__file__).parents[3] / "docs" / "control-protocol.md"
MADE = read_interface(DESCRIPTION)


def page() -> str:
    """The text of the page, with what stands between its comments printed anew."""

    def table(found: re.Match[str]) -> str:
        rows = {"methods": _methods, "errors": _errors, "interface": _description}[found[1]](MADE)
        return "\n".join((f"<!-- {found[1]} -->", *rows, "<!-- end -->"))

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", table, PAGE.read_text(), flags=re.DOTALL)


def _methods(made: Interface) -> Iterator[str]:
    yield "| method | may be called by | parameters | answers |"
    yield "|---|---|---|---|"
    for name, method in made.methods.items():
        who = "root" if name in CHANGING else "who may look"
        yield f"| `{name}` | {who} | {_fields(method.takes)} | {_fields(method.answers)} |"


def _errors(made: Interface) -> Iterator[str]:
    yield "| error | parameters | when |"
    yield "|---|---|---|"
    for name, fields in made.errors.items():
        found = re.search(rf"((?:^# [^\n]*\n)+)error {name} ", DESCRIPTION, re.MULTILINE)
        assert found, f"{name}: no comment in front of it"
        yield f"| `{name}` | {_fields(fields)} | {' '.join(found[1].replace('# ', '').split())} |"


def _description(_: Interface) -> Iterator[str]:
    yield "```varlink"
    yield from DESCRIPTION.rstrip().splitlines()
    yield "```"


def _fields(struct: Type) -> str:
    return ", ".join(f"`{name}: {_text(one)}`" for name, one in struct.fields.items())


def _text(one: Type) -> str:
    """A type as the language writes it."""
    nullable = "?" if one.nullable else ""
    if one.kind is Kind.NAMED:
        return nullable + one.name
    if one.kind is Kind.ENUM:
        return f"{nullable}({', '.join(one.words)})"
    inner = _text(one.of) if one.of is not None else ""
    return f"{nullable}{one.kind.value}{inner}"


if __name__ == "__main__":
    PAGE.write_text(page())
