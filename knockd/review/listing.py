"""One line an event, for ``--list`` and ``--follow``: its time and its classic text.

Pure.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from knockd.log.classic import render_classic
from knockd.review.entries import Entry
from knockd.review.moments import show_moment
from knockd.review.selection import OPENED, Kind, kind_of
from knockd_conf.text import printable

BOLD, RED, GREEN, YELLOW, DIM, PLAIN = (f"\x1b[{code}m" for code in (1, 31, 32, 33, 2, 0))

_COLOURS: Mapping[Kind, str] = {Kind.FAILED: YELLOW, Kind.SCAN: DIM, Kind.DAEMON: BOLD}
_FAILURES = frozenset(
    {
        *("command-failed", "command-late", "command-too-long", "refused", "stop-failed", "left-open"),
        *("given-up", "still-open", "worker-lost", "worker-silent", "capture-lost", "internal-error"),
    }
)


def format_entry(entry: Entry, openers: Container[str], *, colour: bool) -> str:
    """The line of an entry: local time, as exact as the log has it, and printable text.

    ``openers`` are addresses that have opened a door. ``colour``: with escapes of ANSI terminals.
    """
    text = f"{show_moment(entry.time, entry.precision)}  {describe_entry(entry)}"
    code = _colour(entry, openers) if colour else ""
    return f"{code}{text}{PLAIN}" if code else text


def describe_entry(entry: Entry) -> str:
    """The classic text of an entry; where a field is missing, its event and the fields that there are."""
    fields = {**entry.fields, "ip": entry.ip, "door": entry.door, "host": entry.host}
    try:
        return render_classic(entry.event, fields)
    except (KeyError, ValueError, TypeError):
        pairs = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        return printable(f"{entry.event}: {pairs}")


def _colour(entry: Entry, openers: Container[str]) -> str:
    if entry.event in _FAILURES:
        return RED
    if entry.event in OPENED:
        return GREEN
    return _COLOURS.get(kind_of(entry.event, opener=entry.ip in openers), "")
