"""Prints the tables of docs/log-events.md from the catalogue of events (make log-events)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from knockd.log.catalogue import EVENTS, FIELDS, Event

PAGE = Path(__file__).parents[3] / "docs" / "log-events.md"


def page() -> str:
    """The text of the page, with the tables between their comments printed anew."""

    def table(found: re.Match[str]) -> str:
        rows = {"events": _events, "fields": _fields}[found[1]]()
        return "\n".join((f"<!-- {found[1]} -->", *rows, "<!-- end -->"))

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", table, PAGE.read_text(), flags=re.DOTALL)


def _events() -> Iterator[str]:
    yield "| event | level | classic text | more fields in JSON | notes |"
    yield "|---|---|---|---|---|"
    for name, event in EVENTS.items():
        text = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", event.text).replace("{who}", "{ip}")
        extra = ", ".join(f"`{field}`" for field in event.extra)
        yield f"| `{name}` | {event.level} | `{text}` | {extra} | {_notes(event)} |"


def _notes(event: Event) -> str:
    limits = ("limited",) * event.limited
    limits += ("limited for doors with one step",) * (event.opening and not event.limited)
    limits += ("not with `Log_Failures = no`",) * event.failure
    return "; ".join((event.note,) * bool(event.note) + limits)


def _fields() -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    names = {str: "text", int: "integer", float: "number"}
    for name, (kind, meaning) in FIELDS.items():
        yield f"| `{name}` | {names[kind]} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page())
