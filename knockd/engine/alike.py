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
from knockd_bpf.wire import TCP, PacketFields

LEAST = 16
"""Frames from which on it is worth a look."""


class _Offsets(NamedTuple):
    """Where things are in an untagged frame without IP options or extension headers, in bytes."""

    judged: tuple[int, ...]
    """What decides over a packet, but for its source and the TCP flags."""
    source: int
    length: int
    above: int
    """No host's address begins with 0 or with a byte from this on."""
    protocol: int
    flags: int


_OFFSETS = {
    b"\x08\x00\x45": _Offsets((12, 13, 14, 16, 17, 20, 21, 23, *range(30, 34), 36, 37), 26, 4, 224, 23, 47),
    b"\x86\xdd\x60": _Offsets((12, 13, 14, 18, 19, 20, *range(38, 54), 56, 57), 22, 16, 255, 20, 67),
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
    alike = _alike(data, records, count, ipv6=ipv6)
    if alike is None:
        return False
    (_, destination, protocol, port, flags), at = alike
    lane = (matcher.tcp_lanes if protocol == TCP else matcher.udp_lanes).get(port)
    if lane is None or flags & lane.flag_mask != lane.flag_value:
        return False
    if destination not in (lane.targets or local):
        return False
    into = matcher.first if lane.first else matcher.ignored if lane.guard else None
    strangers = matcher.strangers
    silent = strangers is not None and strangers.tokens < 1
    if into is not None and not (silent and len(into.young) + count <= into.full):
        return False
    rest = len(data) // count - at.source - at.length
    tag = lane.tag
    keys = [source + tag for (source,) in iter_unpack(f"{at.source}x{at.length}s{rest}x", data)]
    fresh = dict(zip(keys, arrivals, strict=True))
    if len(fresh) < count:
        return False
    for table in (matcher.first, matcher.advanced, matcher.ignored):
        for known in (table.young, table.old):
            if known and not known.keys().isdisjoint(fresh.keys()):
                return False
    if into is not None and strangers is not None:
        into.young.update(fresh)
        strangers.held += count
    if lane.first:
        matcher.expect_expiry(arrivals[0] + lane.timeout)
    return True


def _alike(data: bytes, records: bytes, count: int, *, ipv6: bool) -> tuple[PacketFields, _Offsets] | None:
    """The first packet, when all frames are of plain form and no two differ in more than their source."""
    at = _OFFSETS.get(data[12:15])
    if count < LEAST or at is None or (not ipv6 and at.length == 16):
        return None
    columns = memoryview(records).cast("I")
    size = columns[3]
    if len(data) != size * count or size <= at.flags:
        return None
    if columns[3::4].tolist().count(size) < count or columns[2::4].tolist() != [*range(0, len(data), size)]:
        return None
    packet = decode_ethernet(data, 0, size)
    if packet is None or data[at.protocol] != packet[2]:  # nothing we want, or an extension header
        return None
    judged = (*at.judged, at.flags) if packet[2] == TCP else at.judged
    if any(data[place::size] != data[place : place + 1] * count for place in judged):
        return None
    beginnings = data[at.source :: size]
    return (packet, at) if min(beginnings) > 0 and max(beginnings) < at.above else None
