"""What a person has to know of a replay beside its openings: what was left out, and what to do about it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockd.replay.outcome import MOST_LINES, Outcome
from knockd.replay.text import count_packets
from knockd_conf.text import address_text, printable

_MOST_NAMED = 4


def find_notes(outcome: Outcome) -> Iterator[str]:
    """Yields a sentence or two about each."""
    counts, clock = outcome.counts, outcome.clock
    if not outcome.watched and any(not door.target for door in outcome.doors):
        yield (
            "no packet here is for a knock port of a door, so no address is watched:"
            " name this host's addresses with --local ADDR,..."
        )
    if counts.elsewhere:
        named = ", ".join(
            f"{address_text(address)} ({count})"
            for address, count in counts.elsewhere.most_common(_MOST_NAMED)
        )
        yield (
            f"{count_packets(counts.elsewhere.total())} to knock ports of addresses that are not watched:"
            f" {named}; watch them with --local ADDR,..."
        )
    if counts.wrong_flags:
        yield f"{count_packets(counts.wrong_flags)} to knock ports with flags that no door there asks for"
    if counts.kept_out:
        yield f"{count_packets(counts.kept_out)} to knock ports of addresses that Allow or Deny keeps out"
    if counts.unsigned:
        yield (
            f"{count_packets(counts.unsigned)} to ports of signed knocks dropped: none of then for this host"
        )
    if counts.discarded:
        yield (
            f"{count_packets(counts.discarded)} with the tag of signed knocks, of no known key, or copies, or"
            " too many: no signature was looked at"
        )
    if counts.vlans:
        named = ", ".join(f"{vlan} ({count})" for vlan, count in counts.vlans.most_common(_MOST_NAMED))
        yield (
            f"{count_packets(counts.vlans.total())} to knock ports in VLANs {named}: the VLAN's own interface"
            " judges them, not this one; see what would happen there with --vlan ID"
        )
    if counts.double_tagged:
        yield f"{count_packets(counts.double_tagged)} with two VLAN tags: the filter drops them"
    if counts.outgoing:
        yield f"{count_packets(counts.outgoing)} sent by the host itself: knockd does not capture them"
    if counts.duplicates:
        yield f"{count_packets(counts.duplicates)} seen by another interface already: judged once"
    if counts.impossible:
        yield (
            f"{count_packets(counts.impossible)} ignored: no packet off the wire can have such a source"
            " (a watched address, 127.0.0.0/8, ::1, ::ffff:0:0/96)"
        )
    if counts.cut:
        yield (
            f"{count_packets(counts.cut)} cut before port or flags: the capture's snaplen is too short;"
            " capture with at least 128 bytes (tcpdump -s 128)"
        )
    for index, microseconds in clock.set_back:
        yield (
            f"the clock of the capture goes back {microseconds / 1e6:.6g} s at packet {index}:"
            " time goes on from there, as for the daemon"
        )
    if (more := clock.times_set_back - len(clock.set_back)) > 0:
        yield f"and {more:,} more times: is this several captures in one file?"
    if clock.reordered:
        yield (
            f"{count_packets(clock.reordered)} stamped earlier than the one before:"
            " the order of the file counts"
        )
    for number in sorted(outcome.timeline.used):
        door = outcome.doors[number]
        yield (
            f"one-time door {printable(door.name)}: its sequence is used, and the next one of"
            f" {printable(door.one_time_file or '')} is not tried; nothing is struck out"
        )
    if outcome.timeline.left_out:
        yield f"{outcome.timeline.left_out} lines after the first {MOST_LINES} are left out"
    if outcome.broken:
        yield f"the capture breaks off after packet {counts.frames} ({printable(outcome.broken)})"
