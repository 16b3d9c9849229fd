"""What ``knockd --replay --format json`` prints: one object, described in knockd(8).

World: the time of day.
"""

from __future__ import annotations

import json
from typing import Any

import knockd
from knockd.log.stamps import utc_time
from knockd.replay.links import LINK_NAMES
from knockd.replay.notes import find_notes
from knockd.replay.outcome import Line, Outcome
from knockd.replay.reasons import explain_source
from knockd.replay.sources import Source
from knockd_conf.text import address_text, printable

MOST_ROWS = 1_000
"""Sources that are in the object."""


def format_json(outcome: Outcome) -> str:
    """Returns the object as text."""
    counts, ranked = outcome.counts, outcome.sources.ranked()
    return json.dumps(
        {
            "version": knockd.__version__,
            "config": printable(outcome.config_path),
            "capture": {
                "file": printable(outcome.name),
                "linktype": outcome.linktype,
                "link": LINK_NAMES[outcome.linktype],
                "first": None if counts.first is None else utc_time(counts.first),
                "last": None if counts.first is None else utc_time(counts.last),
                "broken": printable(outcome.broken) or None,
            },
            "vlan": outcome.vlan,
            "watched": [
                {"address": address_text(one.address), "knocks": one.knocks} for one in outcome.watched
            ],
            "packets": {
                "all": counts.frames,
                "passed": counts.passed,
                "judged": counts.packets - counts.impossible - counts.duplicates,
                "impossible_source": counts.impossible,
                "duplicates": counts.duplicates,
                "sent_by_host": counts.outgoing,
                "cut": counts.cut,
                "wrong_flags": counts.wrong_flags,
                "kept_out": counts.kept_out,
                "other_addresses": counts.elsewhere.total(),
                "vlan_tagged": counts.vlans.total(),
                "double_tagged": counts.double_tagged,
                "no_signed_knock": counts.unsigned,
                "signed_discarded": counts.discarded,
            },
            "openings": outcome.timeline.opened,
            "events": [_line(line) for line in outcome.timeline.lines],
            "events_left_out": outcome.timeline.left_out,
            "sources": [_row(address, row, outcome) for address, row in ranked[:MOST_ROWS]],
            "sources_left_out": len(ranked[MOST_ROWS:]) + outcome.sources.left_out,
            "notes": list(find_notes(outcome)),
        }
    )


def _line(line: Line) -> dict[str, Any]:
    made: dict[str, Any] = {
        "time": utc_time(line.stamp),
        "event": line.kind,
        "door": printable(line.door) or None,
        "ip": line.source,
    }
    if line.kind in ("open", "renew", "close"):
        return {**made, "packet": line.packet, "destination": line.text, "key": line.key or None}
    if line.kind == "refuse":
        return {**made, "packet": line.packet, "key": line.key or None, "reason": line.text}
    if line.kind == "stale":
        return {**made, "packet": line.packet, "key": line.key, "reason": line.text}
    key = "command" if line.kind in ("start", "stop") else "reason"
    return {**made, key: printable(line.text)}


def _row(address: bytes, row: Source, outcome: Outcome) -> dict[str, Any]:
    return {
        "ip": address_text(address),
        "packets": row.packets,
        "dropped": row.dropped,
        "openings": row.openings,
        "guard_hits": row.guards,
        "door": None if row.door is None else printable(outcome.doors[row.door].name),
        "stage": row.stage,
        "steps": None if row.door is None else outcome.steps[row.door],
        "reason": explain_source(row, outcome.doors, outcome.steps) or None,
    }
