"""Whatever the names and reasons in an event, it is one line of printable text, or one JSON object in a line.

The input is a byte that chooses the event, and a line of text for each field.
"""

from __future__ import annotations

import json
from string import Formatter

from knockd.edge.logs import render
from knockd.engine.texts import CLASSIC
from knockd_conf.model import LogFormat

EVENTS = sorted(CLASSIC.items())
NUMBERS = {
    "count",
    "seconds",
    "stage",
    "status",
    "share",
    "kib",
    "bytes",
    "most",
    "tries",
    "places",
    "version",
}


def check(data: bytes) -> None:
    """Render one event with these texts in its fields."""
    event, form = EVENTS[data[0] % len(EVENTS) if data else 0]
    texts = data[1:].decode("utf-8", "surrogateescape").split("\n")
    names = {name for _, name, _, _ in Formatter().parse(form) if name} - {"who"}
    fields: dict[str, object] = {
        name: 7 if name in NUMBERS else texts[at % len(texts)] for at, name in enumerate(sorted(names))
    }
    if "{who}" in form:
        fields |= {"ip": "192.0.2.1", "host": texts[-1]}
    assert render(LogFormat.CLASSIC, "info", event, **fields).isprintable()
    text = render(LogFormat.JSON, "info", event, **fields)
    assert text.isascii()
    assert text.isprintable()
    found = json.loads(text)
    assert [found[name] for name in fields] == list(fields.values())
