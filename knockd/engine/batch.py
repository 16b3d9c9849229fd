"""Batches of captured frames: when each packet came, and a fast lane for what a flood is made of.

The lane only takes packets of which it knows that the general way (decode and matcher) would
do the same and say nothing: a stranger's first knock, or touch of a guard port, at one door,
while lines about strangers are held back. A property test holds both ways to one outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from knockd.engine.decode import ETHERNET_IPV4_TCP, ETHERNET_IPV6_TCP
from knockd.engine.matcher import Matcher
from knockd_bpf.wire import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP

RECORD = Struct("=IIII")
"""What a capture says of a frame: seconds, microseconds, offset in the batch, captured bytes."""

Timed = tuple[float, int, int, int]
"""(when the packet came by our steady clock, its seconds since the epoch, offset, captured bytes)."""

_SHARED = 0.001
"""Seconds within which packets share one number for their time: the tables keep it."""


def timed(records: bytes, now: float, floor: float, steady: float, slack: float) -> Iterator[Timed]:
    """Every record with the time its packet came.

    That is ``now`` as long as the first one is no older than ``slack`` seconds; if we were held up
    it is the kernel's stamp, moved to our clock by adding ``steady``, but from ``floor`` to ``now``.
    """
    if not records:
        return
    seconds, microseconds, _, _ = RECORD.unpack_from(records)
    first = seconds + microseconds / 1e6 + steady
    if now - first <= slack:
        for seconds, _, offset, length in RECORD.iter_unpack(records):
            yield now, seconds, offset, length
        return
    arrived = max(first, floor)
    for seconds, microseconds, offset, length in RECORD.iter_unpack(records):
        stamp = seconds + microseconds / 1e6 + steady
        if stamp - arrived > _SHARED:
            arrived = min(stamp, now)
        yield arrived, seconds, offset, length


def strange(
    matcher: Matcher, data: bytes, batch: Iterable[Timed], local: frozenset[bytes], *, ipv6: bool
) -> Iterator[Timed]:
    """Judges the Ethernet frames that the fast lane may take and yields the others, in order.

    Each yielded frame must be judged before the next is asked for.
    """
    first, ignored, advanced = matcher.first, matcher.ignored, matcher.advanced
    strangers, lanes = matcher.strangers, matcher.lanes
    ipv4_tcp, ipv6_tcp = ETHERNET_IPV4_TCP.unpack_from, ETHERNET_IPV6_TCP.unpack_from
    if strangers is None:
        yield from batch
        return
    for record in batch:
        arrived, _, offset, length = record
        if length < ETHERNET_IPV4_TCP.size or strangers.tokens >= 1:
            yield record
            continue
        ethertype, version, total, fragment, protocol, source, destination, port, flags = ipv4_tcp(
            data, offset
        )
        if ethertype == ETHERTYPE_IPV4:
            plain = protocol == TCP and version == 0x45 and total >= 40 and not fragment & 0x1FFF
            plain = plain and 0 < source[0] < 224
        elif ethertype == ETHERTYPE_IPV6 and ipv6 and length >= ETHERNET_IPV6_TCP.size:
            payload, protocol, source, destination, port, flags = ipv6_tcp(data, offset)
            plain = protocol == TCP and payload >= 20 and version >> 4 == 6 and 0 < source[0] < 255
        else:
            plain = False
        lane = lanes.get(port) if plain else None
        if lane is None or flags & lane.flag_mask != lane.flag_value:
            yield record
            continue
        key = source + lane.tag
        table = ignored if lane.guard else first
        if (
            destination not in (lane.targets or local)
            or len(table.young) >= table.half
            or key in first.young
            or key in first.old
            or key in ignored.young
            or key in ignored.old
            or key in advanced.young
            or key in advanced.old
        ):
            yield record
            continue
        table.young[key] = arrived
        strangers.held += 1
        if not lane.guard:
            matcher.expect_expiry(arrived + lane.timeout)
