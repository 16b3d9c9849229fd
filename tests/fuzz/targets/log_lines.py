"""Whatever the lines of a log, each is an event of the catalogue or counted, whichever came before it.

The input is the log. An entry has a time that can be shown, an address that is one or none, and fields of
the types that the catalogue names. Memory of what was read does not change what is read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

from knockd.log.catalogue import EVENTS, FIELDS
from knockd.review.entries import Entry
from knockd.review.lines import LineReader
from knockd.review.messages import Messages

NOW = 1_793_700_000.0


def check(data: bytes) -> None:
    """Read these lines twice with one memory of messages, and each once with a memory of its own."""
    lines = data.split(b"\n")
    messages = Messages()
    first, again = (LineReader(year_hint=NOW, messages=messages) for _ in range(2))
    entries = list(first.read_entries(lines))
    assert first.total == len(lines)
    assert len(entries) == sum(first.by_format.values())
    for entry in entries:
        _check_entry(entry)
    assert entries == list(again.read_entries(lines))
    alone = [LineReader(year_hint=NOW).read(line) for line in lines]
    assert [entry[1:] for entry in alone if entry is not None] == [entry[1:] for entry in entries]


def _check_entry(entry: Entry) -> None:
    assert entry.event in EVENTS
    datetime.fromtimestamp(entry.time, UTC)
    assert not entry.ip or ip_address(entry.ip)
    for name, value in entry.fields.items():
        kind = FIELDS[name][0]
        assert isinstance(value, (int, float) if kind is float else kind)
