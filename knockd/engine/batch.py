"""Batches of captured frames: when each packet came, and a fast lane for what a flood is made of.

The lane settles only packets of which it knows that the matcher would do the same and say
nothing: a stranger's knock at one door, be it the first step, a later one or a guard port, while
lines about strangers are held back. A property test holds both ways to one outcome. A batch of
frames that are all alike is settled as a whole (``knockd.engine.alike``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import length_hint
from struct import Struct
from typing import NamedTuple, cast

from knockd.engine.alike import settle_alike
from knockd.engine.decode import decode_ethernet, decode_ipv4, decode_ipv6
from knockd.engine.matcher import Matcher
from knockd.engine.routes import Concern
from knockd_bpf.wire import ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP, PacketFields

RECORD = Struct("=IIII")
"""What a capture says of a frame: seconds, microseconds, offset in the batch, captured bytes."""

Timed = tuple[float, int, PacketFields]
"""(when the packet came by our steady clock, the place of its record in the batch, the packet)."""

_SHARED = 0.001
"""Seconds within which packets share one number for their time: the tables keep it."""


class _Common(NamedTuple):
    """How the common frames of an IP version are read: untagged, no options, no extension headers.

    Eight fields in one read: EtherType and what follows it, two of 16 bits, protocol, source,
    destination, port, and the TCP flag byte.
    """

    read: Struct
    shift: int
    kind: int
    """What is left of the first field, shifted to the right."""
    clear: int
    """Bits that are clear in the third field: the fragment offset of IPv4."""
    above: int
    """No host's address begins with 0 or with a byte from this on."""
    tcp: tuple[int, int, int]
    udp: tuple[int, int, int]
    """The least that the second field, the third and the captured bytes may be, for what the header
    of that protocol needs: one of the two is the length in the IP header."""


_IPV4 = _Common(Struct(">12xIHxxHxBxx4s4sxxH9xB"), 8, 0x080045, 0x1FFF, 224, (40, 0, 48), (28, 0, 42))
_IPV6 = _Common(Struct(">12xIHHBx16s16sxxH9xB"), 12, 0x86DD6, 0, 255, (0, 20, 68), (0, 8, 62))
_ETHERTYPE_IPV6 = ETHERTYPE_IPV6.to_bytes(2, "big")
_PAD = bytes(_IPV6.read.size)
"""What lies behind the last frame: a short one is read beyond its end before it is found to be short."""

_UNREAD: Concern | None = cast(Concern, object())
"""Stands for what a port means as long as its frame has not been read."""


def times(records: bytes, now: float, floor: float, steady: float, slack: float) -> list[float]:
    """When the packet of every record came.

    That is ``now`` as long as the first one is no older than ``slack`` seconds; if we were held up
    it is the kernel's stamp, moved to our clock by adding ``steady``, but from ``floor`` to ``now``.
    """
    if not records:
        return []
    columns = memoryview(records).cast("I")
    count = len(records) // RECORD.size

    def stamped(place: int) -> float:
        return columns[4 * place] + columns[4 * place + 1] / 1e6 + steady

    if now - stamped(0) <= slack:
        return [now] * count
    arrived = max(stamped(0), floor)
    found: list[float] = []
    while arrived < now:
        # Those that share the time of the first of them; where stamps go back, some that follow it.
        end = bisect_right(range(count), arrived + _SHARED, lo=len(found), key=stamped)
        found += [arrived] * (end - len(found))
        if end == count:
            return found
        arrived = stamped(end)
    return found + [now] * (count - len(found))


def stamp(records: bytes, place: int) -> int:
    """The kernel's stamp of a record, in microseconds since the epoch."""
    seconds, microseconds, _, _ = RECORD.unpack_from(records, place * RECORD.size)
    return int(seconds * 1_000_000 + microseconds)


def strange(
    matcher: Matcher,
    data: bytes,
    records: bytes,
    arrivals: Sequence[float],
    local: frozenset[bytes],
    *,
    ipv6: bool,
) -> Iterator[Timed]:
    """Decodes Ethernet frames, settles what the fast lane may and yields the other packets, in order.

    Each yielded packet must be judged before the next is asked for.
    """
    if not records or settle_alike(matcher, data, records, arrivals, local, ipv6=ipv6):
        return
    columns = memoryview(records).cast("I")
    offsets, lengths = columns[2::4].tolist(), columns[3::4].tolist()
    # What the first frame is most others are: those of the other IP version take the longer way.
    common = _IPV6 if ipv6 and data[offsets[0] + 12 : offsets[0] + 14] == _ETHERTYPE_IPV6 else _IPV4
    read, shift, right, clear, above, (tcp_one, tcp_two, tcp_length), (udp_one, udp_two, udp_length) = common
    heads = map(read.unpack_from, repeat(data + _PAD), offsets)
    taken = iter(arrivals)  # what is left of it says at which frame we are, at no cost
    frames = zip(taken, offsets, lengths, heads, strict=True)
    last, expected = None, set[bytes]()  # doors of which the end of the first attempt is known
    while True:
        # What changes only while a packet is away being judged.
        tcp_lanes, udp_lanes, strangers = matcher.tcp_lanes, matcher.udp_lanes, matcher.strangers
        silent = strangers if strangers is not None and strangers.tokens < 1 else None
        first, ignored, advanced = matcher.first, matcher.ignored, matcher.advanced
        knocking, touching, knocked = first.young, ignored.young, first.old
        touched, ahead, ahead_old = ignored.old, advanced.young, advanced.old
        others = bool(touched or ahead or ahead_old)
        knocks, touches = len(knocking), len(touching)
        before = knocks + touches
        knocks_fit, touches_fit = (0, 0) if silent is None else (first.full, ignored.full)
        ended = False
        for arrived, offset, length, head in frames:
            kind, one, two, protocol, source, destination, port, flags = head
            lane = _UNREAD
            if kind >> shift == right and not two & clear and 0 < source[0] < above:
                if protocol == TCP:
                    if one >= tcp_one and two >= tcp_two and length >= tcp_length:
                        lane = tcp_lanes.get(port)
                elif protocol == UDP and one >= udp_one and two >= udp_two and length >= udp_length:
                    lane = udp_lanes.get(port)
                    flags = 0
            if lane is _UNREAD:
                if kind >> 16 == ETHERTYPE_IPV6:
                    packet = decode_ipv6(data, offset + 14, offset + length)
                elif kind >> 16 == ETHERTYPE_IPV4:
                    packet = decode_ipv4(data, offset + 14, offset + length)
                else:
                    packet = decode_ethernet(data, offset, offset + length)
                if packet is None or (not ipv6 and len(packet[0]) == 16):
                    continue
                source, destination, protocol, port, flags = packet
                lane = (tcp_lanes if protocol == TCP else udp_lanes).get(port)

            if lane is None or flags & lane.flag_mask != lane.flag_value:
                break
            key = source + lane.tag
            if destination not in (lane.targets or local) or key in knocked:
                break
            if others and (key in touched or key in ahead or key in ahead_old):
                break
            # One setdefault is cheaper than a look and a store; it changes nothing where the key is.
            if lane.first:
                if knocks >= knocks_fit or key in touching:
                    break
                knocking.setdefault(key, arrived)
                if len(knocking) == knocks:
                    break
                knocks += 1
                if lane is not last:
                    last = lane
                    if lane.tag not in expected:
                        expected.add(lane.tag)
                        matcher.expect_expiry(arrived + lane.timeout)
            elif key in knocking:
                break
            elif lane.guard:
                if touches >= touches_fit:
                    break
                touching.setdefault(key, arrived)
                if len(touching) == touches:
                    break
                touches += 1
        else:
            ended = True
        if silent is not None:
            silent.held += knocks + touches - before  # a line for each that was remembered
        if ended:
            return
        yield arrived, len(arrivals) - length_hint(taken) - 1, (source, destination, protocol, port, flags)
