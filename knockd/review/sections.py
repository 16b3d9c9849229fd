"""What a screen shows of a summary below its head: rows under headings, the most important first.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.review.cells import count_of
from knockd.review.clock import Clock, show_rough_span
from knockd.review.summary import End, Failure, Opening, Owner, Summary
from knockd_conf.classes import NamedTuple
from knockd_conf.text import show_span

LEAST = (12, 8, 26, 26)
"""Widths of when, door, who and what, to which they are cut first."""

LONG = 300 * 86_400
"""Seconds of a period from which on its times need a year."""

Row = tuple[str, ...]


class Section(NamedTuple):
    """Rows under a heading; ``more`` is the option that shows those for which there is no room.

    ``total`` is how many there are, of which ``rows`` may be a part; None: the heading says it. Where
    room is short, sections get rows in turn, ``turn`` of them. ``grave``: all of it needs a person.
    """

    heading: str
    rows: Sequence[Row]
    total: int | None
    more: str
    numbers: frozenset[int] = frozenset()
    grave: bool = False
    titles: Row = ()
    least: tuple[int, ...] = ()
    turn: int = 1


def list_sections(summary: Summary, clock: Clock) -> list[Section]:
    """The sections of a summary that have rows."""
    period = (summary.last or 0.0) - (summary.first or 0.0)
    when = clock.show_time if period > LONG else clock.show_short
    totals = summary.totals
    stuck = [(when(one.time), one.door, one.ip, one.why) for one in summary.stuck]
    doors = [
        (
            one.door,
            f"{one.openings:,}",
            f"{one.addresses:,}",
            f"{one.failed:,}",
            f"{one.guards:,}",
            when(one.last_opening) if one.last_opening is not None else "never",
        )
        for one in summary.doors
    ]
    openings = [
        (when(one.time), one.door, show_who(one.ip, one.host), describe_end(one))
        for one in reversed(summary.openings)
    ]
    owners = [
        (when(last.time), last.door or "-", show_who(last.ip, last.host), _times(last.why, number))
        for last, number in join_alike(summary.owners)
    ]
    scanners = [
        (
            one.source,
            f"{one.addresses:,}",
            f"{one.attempts:,}",
            f"{one.guards:,}",
            when(one.last),
            ", ".join(one.doors),
        )
        for one in summary.scanners
    ]
    commands = [
        (when(one.last), one.door, _times(one.why, one.count), one.output or one.command)
        for one in summary.commands
    ]
    important = sorted(summary.daemon, key=lambda one: (one.restart, one.time), reverse=True)
    daemon = [
        (when(one.time), f"{'RESTARTED ITSELF: ' if one.restart else ''}{one.text}") for one in important
    ]
    door_titles = ("door", "openings", "addresses", "failed", "guards", "last opening")
    scan_titles = ("source", "addresses", "attempts", "guards", "last", "doors")
    strangers = count_of(totals.get("scanners", 0), "address", "addresses")
    every_opening = totals.get("openings", 0) + totals.get("not_opened", 0)
    sections = [
        Section("Doors", doors, len(doors), "--json", frozenset({1, 2, 3, 4}), titles=door_titles, turn=4),
        Section(
            "Openings", openings, max(every_opening, len(openings)), "--list --what open", least=LEAST, turn=2
        ),
        Section(
            "Failed knocks of addresses that also opened",
            owners,
            len(owners),
            "--list --what failed",
            least=LEAST,
        ),
        Section(
            f"Scanners: {strangers} that opened nothing",
            scanners,
            None,
            "--list --what scan",
            frozenset({1, 2, 3}),
            titles=scan_titles,
        ),
        Section("Could not be closed", stuck, len(stuck), "--list --what command", grave=True, least=LEAST),
        Section("Commands that failed", commands, len(commands), "--list --what command", grave=True),
        Section("Daemon", daemon, max(totals.get("daemon", 0), len(daemon)), "--list --what daemon"),
    ]
    return [section for section in sections if section.rows]


def join_alike(owners: Sequence[Owner]) -> list[tuple[Failure, int]]:
    """The last of the failures of an address at a door that have one reason, and how many there are."""
    found: dict[tuple[str, str, str], tuple[Failure, int]] = {}
    for owner in owners:
        for failure in owner.failures:  # the last first
            key = (failure.ip, failure.door, failure.why)
            last, number = found.get(key, (failure, 0))
            found[key] = (last, number + 1)
    return sorted(found.values(), key=lambda one: one[0].time, reverse=True)


def describe_end(opening: Opening) -> str:
    """How long an opening lasted, who or what ended it, and who or what opened it."""
    return _describe_end(opening) + show_opener(opening)


def show_opener(opening: Opening) -> str:
    """By what it was opened, if not by a knock without a key: ``, by laptop``, ``, opened by hand``."""
    at = f", opened at gateway {opening.gateway}" if opening.gateway else ""
    return show_key(opening) + ", opened by hand" * opening.by_hand + at


def show_key(opening: Opening) -> str:
    """By which key it was opened: ``, by laptop`` of an SSH key, ``, with key anne`` of another, or none."""
    if opening.fingerprint:
        return f", by {opening.key}"
    return f", with key {opening.key}" if opening.key else ""


def _describe_end(opening: Opening) -> str:
    show = show_rough_span if opening.precision >= 60 else show_span
    span = show(opening.closed - opening.time) if opening.closed is not None else ""
    match opening.end:
        case End.TIMEOUT:
            return f"{span}, time over"
        case End.DOOR:
            return f"{span}, closed by {opening.closer}"
        case End.RENEWED:
            return f"{span}, then opened again"
        case End.BY_KEY:
            return f"{span}, closed by its key"
        case End.BY_HAND:
            return f"{span}, closed by hand"
        case End.AT_GATEWAY:
            return f"{span}, closed at gateway {opening.closer}"
        case End.DAEMON:
            return f"{span}, the daemon ended"
        case End.CLOSED_ANOTHER:
            return f"closed {opening.closer}"
        case End.NOT_OPENED | End.NOT_CLOSED:
            return f"{opening.end.upper()}: {opening.closer}"
    return opening.closer


def show_who(ip: str, host: str) -> str:
    """``192.0.2.7``, with a name ``192.0.2.7 (laptop.example)``."""
    return f"{ip} ({host})" if host else ip


def _times(text: str, number: int) -> str:
    return f"{number:,}x {text}" if number > 1 else text
