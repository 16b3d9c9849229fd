"""Whatever the texts in an event, it is one line of printable text, or one JSON object in a line.

The input is a byte that chooses the event, and a line of text for each field. The same text is then parsed as
a classic line: the outcome is an event with fields of its own, or none.
"""

from __future__ import annotations

import json

from knockd.log.catalogue import EVENTS, FIELDS
from knockd.log.classic import parse_classic
from knockd.log.render import render
from knockd_conf.model import LogFormat
from knockd_conf.text import well_formed

NAMES = sorted(EVENTS)


def check(data: bytes) -> None:
    """Render one event with these texts in its fields, and parse each of them and the line."""
    event = NAMES[data[0] % len(NAMES) if data else 0]
    texts = data[1:].decode("utf-8", "surrogateescape").split("\n")
    names = sorted(EVENTS[event].fields - {"ip"})
    fields: dict[str, object] = {
        name: texts[at % len(texts)] if FIELDS[name][0] is str else 7 for at, name in enumerate(names)
    }
    if "ip" in EVENTS[event].fields:
        fields |= {"ip": "192.0.2.1", "host": texts[-1]}
    line = render(LogFormat.CLASSIC, event, **fields)
    assert line.isprintable()
    for text in (line, *texts):
        found = parse_classic(text)
        assert found is None or found[1].keys() - {"host"} <= EVENTS[found[0]].fields
    text = render(LogFormat.JSON, event, **fields)
    assert text.isascii()
    assert text.isprintable()
    entry = json.loads(text)
    shown = [well_formed(value) if isinstance(value, str) else value for value in fields.values()]
    assert [entry[name] for name in fields] == shown
