"""A summary as text for a terminal, on one screen: what needs a person first. No text of a log is raw.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.review.bars import ASCII, BLOCKS, draw_timeline
from knockd.review.cells import count_of, cut_to, lay_out, wrap_to
from knockd.review.clock import Clock
from knockd.review.sections import Section, list_sections
from knockd.review.summary import Summary

LINES = 45
"""Lines of a screen that is no terminal."""
FEWEST_LINES, LOW = 20, 30
"""What is less is scrolled, and what has no room for notes."""

MOST_NEEDS, LINES_OF_NEED = 5, 3
"""Sentences about what needs a person, and lines of each."""

NARROWEST = 40
INDENT = "  "
BOLD, RED, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[0m"


def format_summary(
    summary: Summary,
    columns: int = 80,
    colour: bool = False,
    *,
    lines: int = LINES,
    unicode: bool = True,
    clock: Clock | None = None,
) -> list[str]:
    """At most ``lines`` lines (20 at least), each at most ``columns`` wide (40 at least).

    Without ``unicode``: ASCII only, but for what names of doors and hosts hold.
    """
    size = max(NARROWEST, columns), max(FEWEST_LINES, lines)
    return _Screen(summary, size, colour, unicode, clock or Clock()).lines()


class _Screen:
    def __init__(
        self, summary: Summary, size: tuple[int, int], colour: bool, unicode: bool, clock: Clock
    ) -> None:
        self._summary, self._colour, self._clock = summary, colour, clock
        self._columns, self._most = size
        self._mark, self._levels = ("…", BLOCKS) if unicode else ("...", ASCII)

    def lines(self) -> list[str]:
        """All lines. Where room is short, the timeline goes, then sections from the last one on."""
        summary, width = self._summary, self._columns - len(INDENT)
        if summary.first is None:
            return _join_blocks(
                [["No entries to show.", *self._wrap(_describe_lines(summary))], self._bottom()]
            )
        needs, untold = self._needs()
        top, bottom = [*self._top(summary.first, summary.last or summary.first), *needs], self._bottom()
        bars = [INDENT + line for line in draw_timeline(summary.timeline, width, self._clock, self._levels)]
        sections = [one for one in list_sections(summary, self._clock) if untold or not one.grave]
        for shown, least in ((bars, 2), (bars, 1), ([], 1)):
            room = self._most - len(_join_blocks([top, shown, bottom]))
            if sum(_height(section, least) for section in sections) <= room:
                break
        left_out: list[str] = []
        while sections and sum(_height(section, least) for section in sections) > room:
            room -= 0 if left_out else 3  # the lines that say so
            left_out.insert(0, sections.pop().heading.partition(":")[0])
        room -= sum(_height(section, 0) for section in sections)
        wanted = [len(section.rows) for section in sections]
        shares = share_lines(room, wanted, [section.turn for section in sections])
        blocks = [self._section(section, most) for section, most in zip(sections, shares, strict=True)]
        if left_out:
            rest = f"No room for: {', '.join(left_out)} (knockctl log | less)"
            bottom = [*bottom, *self._wrap(rest, most=2)]
        return _join_blocks([top, shown, *blocks, bottom])

    def _top(self, first: float, last: float) -> list[str]:
        summary, clock = self._summary, self._clock
        zones = dict.fromkeys((clock.offset_of(first), clock.offset_of(last)))
        period = f"{clock.show_time(first)} to {clock.show_time(last)}, local time ({', '.join(zones)})"
        return [
            self._heading(period),
            *self._wrap(_describe_totals(summary)),
            *self._wrap(_describe_lines(summary)),
        ]

    def _needs(self) -> tuple[list[str], int]:
        """What needs a person, in a third of the screen at most, and how much of it has no room."""
        needs = self._summary.attention
        if not needs:
            return ["Nothing needs a person."], 0
        heading = "1 thing needs a person:" if len(needs) == 1 else f"{len(needs)} things need a person:"
        lines: list[str] = []
        said = 0
        for need in needs[:MOST_NEEDS]:
            sentence = self._wrap(need, INDENT, LINES_OF_NEED)
            if said and len(lines) + len(sentence) > self._most // 3 - 2:
                break
            lines += sentence
            said += 1
        left = len(needs) - said
        if left:
            day = self._clock.show_time(self._summary.first or 0.0).partition(" ")[0]
            lines.append(f"{INDENT}... and {left} more: -q --since {day}")
        return [self._heading(heading, grave=True), *lines], left

    def _section(self, section: Section, most: int) -> list[str]:
        rows, width = list(section.rows[:most]), self._columns - len(INDENT)
        heading, total = section.heading, section.total
        if len(rows) < (total or len(section.rows)):
            heading += f" ({f'{len(rows)} of {total:,}: ' if total else 'more: '}{section.more})"
        if section.titles:
            rows.insert(0, section.titles)
        lines = lay_out(rows, width, self._mark, section.numbers, section.least)
        return [self._heading(heading, section.grave), *(INDENT + line for line in lines)]

    def _bottom(self) -> list[str]:
        notes = [*self._summary.notices, *self._summary.cut]
        most, high = 4, 2
        if notes and self._most < LOW:
            return [f"{count_of(len(notes), 'note', 'notes')}: --json shows all"]
        lines = [line for note in notes[:most] for line in self._wrap(note, INDENT, high)]
        if len(notes) > most:
            lines.append(f"{INDENT}... and {len(notes) - most} more: --json shows all")
        return [self._heading("Notes"), *lines] if lines else []

    def _heading(self, text: str, grave: bool = False) -> str:
        text = cut_to(text, self._columns, self._mark)
        return f"{BOLD}{RED if grave else ''}{text}{PLAIN}" if self._colour else text

    def _wrap(self, text: str, indent: str = "", most: int | None = None) -> list[str]:
        return wrap_to(text, self._columns, self._mark, indent=indent, most=most)


def share_lines(most: int, wanted: Sequence[int], turns: Sequence[int]) -> list[int]:
    """How many lines each section gets until ``most`` are given out.

    All get one, then each in its turn as many as its number in ``turns``.
    """
    given = [0] * len(wanted)
    now: Sequence[int] = [1] * len(wanted)
    while most > 0 and given != list(wanted):
        for at, (wants, turn) in enumerate(zip(wanted, now, strict=True)):
            more = min(turn, wants - given[at], most)
            given[at] += more
            most -= more
        now = turns
    return given


def _height(section: Section, rows: int) -> int:
    """Lines of a section with so many rows, and of the empty one before it."""
    return 2 + bool(section.titles) + min(rows, len(section.rows))


def _join_blocks(blocks: Sequence[Sequence[str]]) -> list[str]:
    """The lines of those that have some, with an empty one between them."""
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ["", *block] if lines else block
    return lines


def _describe_totals(summary: Summary) -> str:
    totals = summary.totals
    opened, not_opened = totals.get("openings", 0), totals.get("not_opened", 0)
    said = [count_of(opened, "opening", "openings")]
    if not_opened:
        said[0] += f" ({not_opened:,} more failed)"
    failed = [
        (totals.get("failed_of_owners", 0), "addresses that also opened"),
        (
            totals.get("failed", 0) - totals.get("failed_of_owners", 0),
            count_of(totals.get("scanners", 0), "scanner", "scanners"),
        ),
    ]
    said += [
        f"{count_of(number, 'failed knock', 'failed knocks')} of {whose}"
        for number, whose in failed
        if number
    ]
    lost = [(summary.held_back, "lines held back"), (summary.dropped, "packets dropped")]
    return ", ".join([*said, *(f"{number:,} {what}" for number, what in lost if number)])


def _describe_lines(summary: Summary) -> str:
    lines = summary.lines
    kinds = [*lines.by_format.items(), ("blank", lines.blank), ("of other programs", lines.other)]
    said = ", ".join(f"{number:,} {name}" for name, number in kinds if number)
    text = f"{count_of(lines.total, 'line', 'lines')} read{f': {said}' if said else ''}"
    return f"{text}; {lines.unread:,} not understood, --unread shows them" if lines.unread else text
