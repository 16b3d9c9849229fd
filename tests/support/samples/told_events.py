"""Events with fields that a classic line can hold: any door, address, number, and other events' texts."""

from __future__ import annotations

from string import Formatter
from typing import NamedTuple

from hypothesis import strategies as st

from knockd.log.catalogue import EVENTS, FIELDS
from knockd.log.classic import Value
from knockd_conf.text import address_text

NAMES = st.text("ab :(%\u00fc{", min_size=1, max_size=12)
"""What stands in front of an event's words: colons and spaces are letters like any other."""

PLAIN = st.text("ab /._-\u00fc{%", min_size=1, max_size=12)
"""What stands between words of an event."""

TAILS = st.one_of(PLAIN, st.sampled_from(sorted(event.text for event in EVENTS.values())))
"""What ends a line: anything, other events' texts too."""

ADDRESSES = st.ip_addresses().map(lambda address: address_text(address.packed))
HOSTS = st.sampled_from([None, "alice.example", "A_1-b.example.org"])
NUMBERS = {int: st.integers(0, 10**9), float: st.integers(0, 100_000).map(float)}
SHARES = st.integers(0, 1000).map(lambda tenths: tenths / 1000)
WORDLESS = {"config-problem", "config-note", "no-address"}
"""Events whose classic lines have no words of their own."""


class ToldEvent(NamedTuple):
    """The name of an event, and the fields of its classic line."""

    event: str
    fields: dict[str, Value]


def _texts(event: str) -> dict[str, st.SearchStrategy[Value]]:
    """Values for the fields of an event's line, each different from the others."""
    parts = [(literal, str(name)) for literal, name, _, _ in Formatter().parse(EVENTS[event].text) if name]
    names = [name for _, name in parts if name != "who"]
    ends_open = EVENTS[event].text.endswith("}")
    made: dict[str, st.SearchStrategy[Value]] = {}
    for name in names:
        if name == "share":
            made[name] = SHARES
        elif FIELDS[name][0] is not str:
            made[name] = NUMBERS[FIELDS[name][0]]
        elif name == names[-1] and ends_open and len(names) > 1 and event != "one-time-line":
            made[name] = TAILS
        elif name == "door" and event not in {"command-rights", "one-time-exhausted"}:
            made[name] = NAMES
        else:
            made[name] = PLAIN
    return made


@st.composite
def told_events(draw: st.DrawFn) -> ToldEvent:
    """Any event that its classic line tells, with any fields."""
    event = draw(st.sampled_from(sorted(EVENTS.keys() - WORDLESS)))
    fields = {name: draw(value, name) for name, value in _texts(event).items()}
    if "{who}" in EVENTS[event].text:
        fields["ip"] = draw(ADDRESSES)
        host = draw(HOSTS)
        fields |= {"host": host} if host else {}
    return ToldEvent(event, fields)
