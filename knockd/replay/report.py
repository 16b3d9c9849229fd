"""What ``knockd --replay`` prints for people, in 80 columns: openings in time, then the table by source.

World: the time zone.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockd.log.stamps import local_time
from knockd.replay.links import LINK_NAMES
from knockd.replay.notes import find_notes
from knockd.replay.outcome import Line, Outcome
from knockd.replay.reasons import explain_source
from knockd.replay.sources import Source
from knockd.replay.text import count_packets, wrap
from knockd_conf.text import address_text, printable

COLUMNS = 80
MOST_ROWS = 50
"""Sources that the table names."""


def format_report(outcome: Outcome) -> Iterator[str]:
    """Yields the lines."""
    yield from _wrap(_describe_file(outcome))
    yield from _wrap(_describe_watched(outcome))
    yield from _wrap(_describe_filter(outcome))
    for note in find_notes(outcome):
        yield from _wrap(f"note: {note}", "      ")
    yield ""
    if not outcome.timeline.opened:
        yield "nothing would have opened"
    for line in outcome.timeline.lines:
        yield from _format_line(line)
    yield ""
    yield from _format_table(outcome)


def _describe_file(outcome: Outcome) -> str:
    counts = outcome.counts
    text = f"{printable(outcome.name)}: {count_packets(counts.frames)}, {LINK_NAMES[outcome.linktype]}"
    if counts.first is None:
        return text
    return f"{text}, {local_time(counts.first)} to {local_time(counts.last)}"


def _describe_watched(outcome: Outcome) -> str:
    doors = (
        f"{printable(outcome.config_path)}: {len(outcome.doors)} door{'s' if len(outcome.doors) != 1 else ''}"
    )
    if not outcome.watched:
        return doors
    chosen = outcome.watched[0].knocks is not None
    named = ", ".join(
        address_text(one.address) + (f" ({count_packets(one.knocks or 0)})" if chosen else "")
        for one in outcome.watched
    )
    why = ", the most knocked here; name this host's with --local ADDR,..." if chosen else ""
    return f"{doors} at {named}{why}"


def _describe_filter(outcome: Outcome) -> str:
    counts = outcome.counts
    dropped = counts.frames - counts.passed - counts.outgoing
    return (
        f"the kernel's filter lets {count_packets(counts.passed)} pass and drops {dropped:,}; see --dry-run"
    )


def _format_line(line: Line) -> Iterator[str]:
    when, who, door = local_time(line.stamp), line.source, printable(line.door)
    if line.kind == "open":
        key = f" with key {line.key}" if line.key else ""
        yield from _wrap(f"{when} packet {line.packet}: {who} opens {door} at {line.text}{key}", "    ")
    elif line.kind == "stale":
        text = f"{who} knocks at {door} with key {line.key}, which opens nothing: {line.text}"
        yield from _wrap(f"{when} packet {line.packet}: {text}", "    ")
    elif line.kind in ("renew", "close"):
        does = "renews" if line.kind == "renew" else "closes"
        yield from _wrap(f"{when} packet {line.packet}: {who} {does} {door} with key {line.key}", "    ")
    elif line.kind == "refuse":
        at = f" at {door}" if door else ""
        key = f" with key {printable(line.key)}" if line.key else ""
        text = f"a signed knock of {who}{at}{key} does nothing: {line.text}"
        yield from _wrap(f"{when} packet {line.packet}: {text}", "    ")
    elif line.kind in ("start", "stop"):
        if line.kind == "stop":
            yield from _wrap(f"{when} {door} closes for {who}", "    ")
        yield f"    would run: {printable(line.text)}"  # whole, to be copied
    else:
        yield from _wrap(f"    nothing is run: {line.text}", "        ")


def _format_table(outcome: Outcome) -> Iterator[str]:
    ranked = outcome.sources.ranked()
    if not ranked:
        yield "no source has sent anything to a door"
        return
    yield f"{'source':<15} {'packets':>9} {'dropped':>9} {'opened':>6} {'guards':>7}  furthest"
    for address, row in ranked[:MOST_ROWS]:
        yield from _format_row(address, row, outcome)
    left = ranked[MOST_ROWS:]
    count = len(left) + outcome.sources.left_out
    if count:
        most = max((row.stage for _, row in left), default=0)
        yield from _wrap(f"and {count:,} more sources that did less, none beyond step {most}")


def _format_row(address: bytes, row: Source, outcome: Outcome) -> Iterator[str]:
    who = address_text(address)
    if len(who) > 15:
        yield who
        who = ""
    furthest = "-"
    if row.door is not None:
        furthest = f"{printable(outcome.doors[row.door].name)} {row.stage} of {outcome.steps[row.door]}"
    yield f"{who:<15} {row.packets:>9,} {row.dropped:>9,} {row.openings:>6,} {row.guards:>7,}  {furthest}"
    if reason := explain_source(row, outcome.doors, outcome.steps):
        yield from _wrap(f"    {reason}", "    ")


def _wrap(text: str, indent: str = "  ") -> list[str]:
    return wrap(text, COLUMNS, indent=indent)
