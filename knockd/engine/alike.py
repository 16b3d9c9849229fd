"""Batches of frames that differ in their sources only, which is what most floods are made of.

Such a batch is settled as a whole where the matcher, asked packet by packet, would do the same to
every one and say nothing (see ``knockd.engine.batch``). A property test holds both ways to one outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import iter_unpack
from typing import NamedTuple

from knockd.engine.decode import decode_ethernet
from knockd.engine.matcher import Matcher
from knockd_bpf.wire import TCP

LEAST = 16
"""Frames from which on it is worth a look."""


class _Places(NamedTuple):
    """Where things are in an untagged frame without IP options or extension headers, in bytes."""

    judged: tuple[int, ...]
    """What decides over a packet, but for its source and the TCP flags."""
    source: int
    length: int
    above: int
    """No host's address begins with 0 or with a byte from this on."""
    protocol: int
    flags: int


_PLACES = {
    b"\x08\x00\x45": _Places((12, 13, 14, 16, 17, 20, 21, 23, *range(30, 34), 36, 37), 26, 4, 224, 23, 47),
    b"\x86\xdd\x60": _Places((12, 13, 14, 18, 19, 20, *range(38, 54), 56, 57), 22, 16, 255, 20, 67),
}
"""By EtherType and first byte of the IP header: lengths, fragment, protocol, destination, port."""


def settle_alike(
    matcher: Matcher,
    data: bytes,
    records: bytes,
    arrivals: Sequence[float],
    local: frozenset[bytes],
    *,
    ipv6: bool,
) -> bool:
    """Settles the Ethernet frames of a batch that came at ``arrivals``; False: none of them."""
    count = len(arrivals)
    places = _PLACES.get(data[12:15])
    if count < LEAST or places is None or (not ipv6 and places.length == 16):
        return False
    columns = memoryview(records).cast("I")
    size = columns[3]
    if len(data) != size * count or size <= places.flags:
        return False
    if columns[3::4].tolist().count(size) < count or columns[2::4].tolist() != [*range(0, len(data), size)]:
        return False
    packet = decode_ethernet(data, 0, size)
    if packet is None or data[places.protocol] != packet[2]:  # nothing we want, or an extension header
        return False
    _, destination, protocol, port, flags = packet
    lane = (matcher.tcp_lanes if protocol == TCP else matcher.udp_lanes).get(port)
    if (
        lane is None
        or flags & lane.flag_mask != lane.flag_value
        or destination not in (lane.targets or local)
    ):
        return False
    judged = (*places.judged, places.flags) if protocol == TCP else places.judged
    if any(data[place::size] != data[place : place + 1] * count for place in judged):
        return False
    beginnings = data[places.source :: size]
    if min(beginnings) == 0 or max(beginnings) >= places.above:
        return False
    rest = size - places.source - places.length
    tag = lane.tag
    keys = [source + tag for (source,) in iter_unpack(f"{places.source}x{places.length}s{rest}x", data)]
    fresh = dict(zip(keys, arrivals, strict=True))
    if len(fresh) < count:
        return False
    for table in (matcher.first, matcher.advanced, matcher.ignored):
        for known in (table.young, table.old):
            if known and not known.keys().isdisjoint(fresh.keys()):
                return False
    if lane.first or lane.guard:
        table, strangers = matcher.first if lane.first else matcher.ignored, matcher.strangers
        if strangers is None or strangers.tokens >= 1 or len(table.young) + count > table.full:
            return False
        table.young.update(fresh)
        strangers.held += count
        if lane.first:
            matcher.expect_expiry(arrivals[0] + lane.timeout)
    return True
