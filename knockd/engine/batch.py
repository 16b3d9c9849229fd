"""Batches of captured frames: when each packet came, and a fast lane for what a flood is made of.

The lane settles only packets of which it knows that the matcher would do the same and say
nothing: a stranger's knock at one door, be it the first step, a later one or a guard port, while
lines about strangers are held back. A property test holds both ways to one outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from knockd.engine.decode import decode_ethernet
from knockd.engine.matcher import Matcher
from knockd_bpf.wire import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP, PacketFields

RECORD = Struct("=IIII")
"""What a capture says of a frame: seconds, microseconds, offset in the batch, captured bytes."""

Timed = tuple[float, PacketFields]
"""(when the packet came by our steady clock, the packet)."""

_SHARED = 0.001
"""Seconds within which packets share one number for their time: the tables keep it."""

_IPV4 = Struct(">12xHxxHxxHxBxx4s4sxxH")  # EtherType, total length, fragment, protocol, addresses, port
_IPV6 = Struct(">12xH4xHBx16s16sxxH")  # EtherType, payload length, next header, addresses, port
_IPV4_UDP, _IPV4_TCP, _IPV6_UDP, _IPV6_TCP = 42, 48, 62, 68
"""Bytes to the end of a UDP header, and to the flag byte of a TCP header, in an untagged frame."""


def times(records: bytes, now: float, floor: float, steady: float, slack: float) -> list[float]:
    """When the packet of every record came.

    That is ``now`` as long as the first one is no older than ``slack`` seconds; if we were held up
    it is the kernel's stamp, moved to our clock by adding ``steady``, but from ``floor`` to ``now``.
    """
    if not records:
        return []
    seconds, microseconds, _, _ = RECORD.unpack_from(records)
    first = seconds + microseconds / 1e6 + steady
    if now - first <= slack:
        return [now] * (len(records) // RECORD.size)
    arrived = max(first, floor)
    found = []
    for seconds, microseconds, _, _ in RECORD.iter_unpack(records):
        stamp = seconds + microseconds / 1e6 + steady
        if stamp - arrived > _SHARED:
            arrived = min(stamp, now)
        found.append(arrived)
    return found


def stamp(records: bytes, left: int) -> int:
    """The kernel's stamp, microseconds since the epoch, of the record behind which ``left`` others come."""
    seconds, microseconds, _, _ = RECORD.unpack_from(records, len(records) - (left + 1) * RECORD.size)
    return int(seconds * 1_000_000 + microseconds)


def strange(
    matcher: Matcher,
    data: bytes,
    records: bytes,
    arrivals: Iterable[float],
    local: frozenset[bytes],
    *,
    ipv6: bool,
) -> Iterator[Timed]:
    """Decodes Ethernet frames, settles what the fast lane may and yields the other packets, in order.

    Each yielded packet must be judged before the next is asked for.
    """
    read_ipv4, read_ipv6 = _IPV4.unpack_from, _IPV6.unpack_from
    columns = memoryview(records).cast("I")
    frames = zip(arrivals, columns[2::4].tolist(), columns[3::4].tolist(), strict=True)
    expected = None
    while True:
        # What changes only while a packet is away being judged.
        lanes, strangers = matcher.lanes, matcher.strangers
        silent = strangers if strangers is not None and strangers.tokens < 1 else None
        first, ignored, advanced = matcher.first, matcher.ignored, matcher.advanced
        knocking, touching, knocked = first.young, ignored.young, first.old
        others = bool(ignored.old or advanced.young or advanced.old)
        for arrived, offset, length in frames:
            # The common frames in one read: untagged, no IPv4 options, no IPv6 extension headers.
            flags = -1
            version = data[offset + 14] if length >= _IPV4_UDP else 0
            if version == 0x45:
                ethertype, total, fragment, protocol, source, destination, port = read_ipv4(data, offset)
                if ethertype == ETHERTYPE_IPV4 and not fragment & 0x1FFF and 0 < source[0] < 224:
                    if protocol == TCP and total >= 40 and length >= _IPV4_TCP:
                        flags = data[offset + _IPV4_TCP - 1]
                    elif protocol == UDP and total >= 28:
                        flags = 0
            elif version >> 4 == 6 and length >= _IPV6_UDP:
                ethertype, payload, protocol, source, destination, port = read_ipv6(data, offset)
                if ethertype == ETHERTYPE_IPV6 and 0 < source[0] < 255:
                    if protocol == TCP and payload >= 20 and length >= _IPV6_TCP:
                        flags = data[offset + _IPV6_TCP - 1]
                    elif protocol == UDP and payload >= 8:
                        flags = 0
            if flags < 0:
                packet = decode_ethernet(data, offset, offset + length)
                if packet is None:
                    continue
                source, destination, protocol, port, flags = packet
            if not ipv6 and len(source) == 16:
                continue

            lane = lanes.get(protocol << 16 | port)
            if lane is None or flags & lane.flag_mask != lane.flag_value:
                break
            key = source + lane.tag
            if destination not in (lane.targets or local) or key in knocked:
                break
            if others and (key in ignored.old or key in advanced.young or key in advanced.old):
                break
            # One setdefault is cheaper than a look and a store; it changes nothing where the key is.
            if lane.first:
                count = len(knocking)
                if silent is None or count >= first.full or key in touching:
                    break
                knocking.setdefault(key, arrived)
                if len(knocking) == count:
                    break
                silent.held += 1
                if lane is not expected:
                    matcher.expect_expiry(arrived + lane.timeout)
                    expected = lane
            elif key in knocking:
                break
            elif lane.guard:
                count = len(touching)
                if silent is None or count >= ignored.full:
                    break
                touching.setdefault(key, arrived)
                if len(touching) == count:
                    break
                silent.held += 1
        else:
            return
        yield arrived, (source, destination, protocol, port, flags)
