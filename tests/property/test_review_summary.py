"""Any sequence of entries has a summary: within its bounds, its counts add up, and nothing of it is raw."""

from __future__ import annotations

import json
from datetime import UTC
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knockd.log.catalogue import EVENTS
from knockd.review import doors, networks, openings, sources, timeline
from knockd.review.as_json import summary_json
from knockd.review.cells import width_of
from knockd.review.clock import Clock
from knockd.review.entries import Entry
from knockd.review.selection import Selection
from knockd.review.summarise import Review
from knockd.review.terminal import format_summary

CLOCK = Clock(UTC)
SHORT = 1_790_000_000.0

FEW = ("192.0.2.7", "192.0.2.8", "2001:db8::7", "198.51.100.1")
ADDRESSES = st.sampled_from(FEW) | st.ip_addresses().map(str) | st.text(max_size=6)
DOORS = st.sampled_from(["ssh", "openSSH", "closeSSH"]) | st.text(max_size=6)
COMMANDS = st.builds(
    "{} {} {}".format,
    st.sampled_from(["iptables -A INPUT -s", "iptables -D INPUT -s", "nft add element x", "open"]),
    st.sampled_from(FEW),
    st.sampled_from(["", "-j ACCEPT"]),
)
VALUES = st.integers(-3, 1 << 40) | st.floats(allow_nan=False) | st.text(max_size=9) | COMMANDS
NAMES = st.sampled_from(
    ["stage", "steps", "status", "command", "reason", "seconds", "count", "line", "tries", "x"]
)
TALK = ("stage", "open", "command", "command-failed", "command-timeout", "refused", "stopping", "starting")
NAMED = st.sampled_from(TALK) | st.sampled_from(sorted(EVENTS)) | st.sampled_from(["ignored", "novel"])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Entries of a log: any events in any order, times that mostly go on."""
    found, time = [], SHORT
    for _ in range(draw(st.integers(0, 40))):
        time += draw(st.sampled_from([0.0, 0.5, 30.0, 4_000.0, 90_000.0, -10.0, 1e9]))
        fields = draw(st.dictionaries(NAMES, VALUES, max_size=3)) | {"command": draw(COMMANDS)}
        if draw(st.booleans()):
            fields |= {"stage": draw(st.integers(1, 3)), "status": 1}
        ip, door = draw(ADDRESSES), draw(DOORS)
        precision = draw(st.sampled_from([0.001, 1.0, 60.0]))
        found.append(
            Entry(time, draw(NAMED), ip, door, draw(st.sampled_from(["", "a.example"])), fields, precision)
        )
    return found


SELECTIONS = st.none() | st.builds(
    Selection,
    since=st.none() | st.just(SHORT + 100),
    until=st.none() | st.just(SHORT + 10_000),
    doors=st.sampled_from([frozenset(), frozenset({"ssh"})]),
)


@given(entries(), SELECTIONS, st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_entries(log: list[Entry], selection: Selection | None, crowded: bool) -> None:
    """Counts by door, by time and by hour are the totals, also when there is little room."""
    few = 8 if crowded else 1_000
    with (
        patch.object(sources, "MOST_SOURCES", few),
        patch.object(networks, "MOST_NETWORKS", few),
        patch.object(openings, "MOST_RUNNING", few),
        patch.object(doors, "MOST_DOORS", few),
        patch.object(timeline, "MOST_PARTS", few),
    ):
        review = Review(selection, CLOCK)
        review.add_all(log)
        summary = review.finish()
    assert len(summary.doors) <= few + 1
    totals, line = summary.totals, summary.timeline
    failed = sum(door.failed for door in summary.doors)
    assert failed == totals["failed"] or (failed < totals["failed"] and not all(one.door for one in log))
    assert sum(line.attempts) + sum(line.scans) == totals["failed"]
    assert sum(map(sum, summary.scan_hours)) == totals["failed"]
    assert sum(door.openings for door in summary.doors) == totals["openings"]
    assert sum(line.openings) == sum(map(sum, summary.hours)) == totals["openings"]
    assert all(door.addresses <= door.openings for door in summary.doors)
    assert min([0, *line.openings, *line.attempts, *line.scans]) == 0
    if not crowded:
        owners = sum(owner.failed for owner in summary.owners)
        assert owners + sum(one.attempts for one in summary.scanners) == totals["failed"]
    json.dumps(summary_json(summary, CLOCK), ensure_ascii=False, allow_nan=False).encode()
    shown = format_summary(summary, 80, clock=CLOCK)
    assert all(text.isprintable() for text in [*shown, *summary.attention])
    assert max(map(width_of, shown)) <= 80
    assert len(shown) <= 60
