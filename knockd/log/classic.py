"""The classic line of an event, as knockd 0.8 writes it: rendered, and parsed again for readers of logs.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from string import Formatter

from knockd.log.catalogue import EVENTS, FIELDS, PLURAL
from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable

Value = str | int | float

_WHO = r"(?P<ip>[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+(?<![0-9A-Fa-f.]:))(?: \((?P<host>[A-Za-z0-9._-]+)\))?"
"""No address ends with one colon: in ``2001:db8:: (name): `` the last one is its own."""

_PATTERNS: Mapping[type, str] = {
    str: r".*?",
    int: r"-?[0-9]{1,18}",
    float: r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:e[-+][0-9]{2,3}|%)?",
}


_OF_COMMANDS = (
    ("command", ": running command: ", "command"),
    ("command-output", ": command said: ", "line"),
)
"""Events of a door, the words behind its name, and the field behind them."""

_LONG_NAME = 256
"""Characters of a door's name over which nothing is remembered of it."""


class _Form(NamedTuple):
    """How lines of an event look. ``words`` is the first text between fields that has a letter."""

    event: str
    words: str
    end: str
    literals: int
    pattern: re.Pattern[str]


def render_classic(event: str, fields: Mapping[str, object]) -> str:
    """The line of an event, without a stamp: one line of printable characters, whatever the fields hold."""
    who = f"{fields['ip']} ({fields['host']})" if fields.get("host") else fields.get("ip")
    text = EVENTS[event].text.replace(PLURAL, "" if fields.get("count") == 1 else "s")
    return printable(text.format_map({**fields, "who": who}))


def parse_classic(line: str) -> tuple[str, dict[str, Value]] | None:
    """The event and the fields of a line without a stamp; None when it is no event's.

    Fields are as they were printed: numbers rounded, characters that are not printable as escapes.
    Where several events fit, it is the one whose own words begin first, and of those the one with more
    of them. So only a name in front can mislead, such as a door's, but not what a command printed.
    Notes and problems of the configuration have no words of their own: None.
    """
    return _parse_command(line) or _parse_slowly(line)


def _parse_command(line: str) -> tuple[str, dict[str, Value]] | None:
    """What a command was, or what it printed: each such line is another, and they are many.

    None where these words might not be the first of an event, and of all other lines.
    """
    for event, words, name in _OF_COMMANDS:
        at = line.find(words)
        if 0 <= at <= _LONG_NAME and "\n" not in line and _is_plain(line[:at], words):
            return event, {"door": line[:at], name: line[at + len(words) :]}
    return None


@lru_cache(maxsize=1_024)
def _is_plain(door: str, words: str) -> bool:
    """Whether no event's words begin in the name of a door that these words follow."""
    text = door + words
    return not any(0 <= text.find(form.words) < len(door) for form in _forms())


def _parse_slowly(line: str) -> tuple[str, dict[str, Value]] | None:
    """As ``parse_classic``, of any event."""
    found = []
    for form in _forms():
        if form.words in line and line.endswith(form.end):  # spares most events the search
            match = form.pattern.fullmatch(line)
            if match:
                found.append((match.start("words"), -form.literals, form.event, match))
    if not found:
        return None
    _, _, event, match = min(found, key=lambda one: one[:2])
    texts = {name: text for name, text in match.groupdict().items() if name != "words" and text is not None}
    return event, {name: _value(name, text) for name, text in texts.items()}


def _value(name: str, text: str) -> Value:
    kind = FIELDS[name][0]
    if kind is float:
        return float(text.replace("%", "e-2"))
    return int(text) if kind is int else text


@cache
def _forms() -> tuple[_Form, ...]:
    """Those of all events with words of their own; not made at import, since the daemon parses no line."""
    return tuple(form for event, entry in EVENTS.items() if (form := _form(event, entry.text)).words)


def _form(event: str, text: str) -> _Form:
    pattern, words, end, literals = "", "", "", 0
    for literal, name, _, _ in Formatter().parse(text):
        literals += len(literal)
        escaped = "s?".join(map(re.escape, literal.split(PLURAL)))
        if not words and any(c.isalpha() for c in literal):
            words = literal.partition(PLURAL)[0]
            escaped = f"(?P<words>{escaped})"
        pattern += escaped
        if name == "who":
            pattern += _WHO
        elif name is not None:
            pattern += f"(?P<{name}>{_PATTERNS[FIELDS[name][0]]})"
        end = literal.rpartition(PLURAL)[2] if name is None else ""
    return _Form(event, words, end, literals, re.compile(pattern))
