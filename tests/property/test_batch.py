"""The fast lane of a flood and the general way come to one outcome, and time goes forward."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from operator import length_hint

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd.engine.batch import RECORD, Timed, stamp, strange, times
from knockd.engine.decode import decoder_for
from knockd.engine.events import Event, Opened
from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import Matcher
from knockd_bpf.wire import DLT_EN10MB, TCP, UDP
from knockd_conf.model import Door, FlagRule, Protocol, Step

HOP_BY_HOP = 0
LOCAL4, LOCAL6 = bytes([10, 0, 0, 1]), bytes([0xFD]) + bytes(15)
DOORS = (
    Door("a", "f", 1, (Step(10), Step(20), Step(30)), flags=FlagRule(0x02, 0x10)),
    Door("b", "f", 2, (Step(40), Step(40), Step(20)), seq_timeout=3.0, seq_cooldown=1.0),
    Door("c", "f", 3, (Step(50),), seq_cooldown=5.0),
    Door("d", "f", 4, (Step(60), Step(61)), flags=FlagRule(0x02, 0)),
    Door("e", "f", 5, (Step(10, Protocol.UDP), Step(40), Step(99, Protocol.UDP))),
)
GUARDS = ((Step(11),), (Step(41),), (Step(51),), (Step(59), Step(11)), (Step(11, Protocol.UDP),))


def frame(version: int, source: int, port: int, protocol: int, flags: int, shape: int) -> bytes:
    """An Ethernet frame; ``shape`` makes some of them special.

    1 options or extension header, 2 fragment, 3 tag, 4 other host, 5 cut short, 6 nothing behind UDP.
    """
    transport = struct.pack("!HHIIBBHHH", 1, port, 0, 0, 0x50, flags, 0, 0, 0)
    if protocol == UDP and shape == 6:
        transport = transport[:8]
    if version == 4:
        address = struct.pack("!I", source * 0x01010101)
        head = 0x46 if shape == 1 else 0x45
        length = 20 + 4 * (shape == 1) + len(transport)
        to = bytes(4) if shape == 4 else LOCAL4
        packet = struct.pack(
            "!BBHHHBBH4s4s", head, 0, length, 0, 8 * (shape == 2), 9, protocol, 0, address, to
        )
        packet += bytes(4 * (shape == 1)) + transport
    else:
        address = struct.pack("!4I", source << 24, 0, 0, source)
        to = bytes(16) if shape == 4 else LOCAL6
        if shape == 1:
            transport = bytes([protocol]) + bytes(7) + transport
            protocol = HOP_BY_HOP
        packet = struct.pack("!IHBB16s16s", 6 << 28, len(transport), protocol, 9, address, to) + transport
    kind = b"\x08\x00" if version == 4 else b"\x86\xdd"
    tag = b"\x81\x00\x00\x64" if shape == 3 else b""
    whole = bytes(12) + tag + kind + packet
    return whole[:40] if shape == 5 else whole


frames = st.builds(
    frame,
    version=st.sampled_from([4, 4, 6]),
    source=st.sampled_from([0, 1, 2, 3, 223, 224, 255]),
    port=st.sampled_from([10, 11, 20, 30, 40, 41, 50, 51, 59, 60, 61, 99]),
    protocol=st.sampled_from([TCP, TCP, TCP, UDP, UDP, 1]),
    flags=st.sampled_from([0x02, 0x02, 0x12, 0x10, 0x00]),
    shape=st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6]),
)


def matcher(tokens: int, max_attempts: int = 16) -> tuple[Matcher, TokenBucket]:
    """A matcher whose bucket holds ``tokens``; its tables are small enough to turn over."""
    bucket = TokenBucket(burst=tokens, rate=0.0)
    made = Matcher(DOORS, max_attempts=max_attempts, strangers=bucket, knockers=TokenBucket())
    made.set_guards(GUARDS)
    return made, bucket


def every(
    _made: Matcher,
    data: bytes,
    records: bytes,
    arrivals: Iterable[float],
    _local: frozenset[bytes],
    *,
    ipv6: bool,
) -> Iterator[Timed]:
    """All packets of a batch: what ``strange`` yields without a fast lane."""
    decode = decoder_for(DLT_EN10MB)
    assert decode is not None
    for arrived, (_, _, offset, length) in zip(arrivals, RECORD.iter_unpack(records), strict=True):
        packet = decode(data, offset, offset + length)
        if packet is not None and (ipv6 or len(packet[0]) == 4):
            yield arrived, packet


def play(sent: list[list[bytes]], tokens: int, *, lane: bool, ipv6: bool) -> tuple[object, ...]:
    """Plays batches one second apart; everything that can be told of the matcher afterwards."""
    made, bucket = matcher(tokens)
    local = frozenset({LOCAL4, LOCAL6})
    events: list[Event | int] = []
    for second, batch in enumerate(sent):
        data = b"".join(batch)
        ends = [len(b"".join(batch[: i + 1])) for i in range(len(batch))]
        records = b"".join(
            RECORD.pack(second, place, end - len(one), len(one))
            for place, (end, one) in enumerate(zip(ends, batch, strict=True))
        )
        arrivals = times(records, float(second), 0.0, 0.0, 0.5)
        taken = iter(arrivals)
        for arrived, packet in (strange if lane else every)(made, data, records, taken, local, ipv6=ipv6):
            for event in made.feed(packet, local, arrived):
                events += [event, stamp(records, length_hint(taken))]
                if isinstance(event, Opened) and event.door == 3:
                    made.set_sequence(3, ())  # a used one-time sequence
    tables = [(dict(t.old), dict(t.young), t.evicted) for t in (made.first, made.advanced, made.ignored)]
    return events, tables, bucket.held, bucket.tokens, made.next_expiry()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(frames, max_size=12), max_size=6), st.sampled_from([0, 0, 2]), st.booleans())
@example([[frame(4, 1, 10, TCP, 2, 0), frame(4, 1, 20, TCP, 2, 0), frame(4, 1, 30, TCP, 2, 0)]], 0, True)
def test_the_fast_lane_changes_nothing(sent: list[list[bytes]], tokens: int, ipv6: bool) -> None:
    """With and without the lane the same events, tables, tokens and counts come out."""
    assert play(sent, tokens, lane=False, ipv6=ipv6) == play(sent, tokens, lane=True, ipv6=ipv6)


@pytest.mark.parametrize(
    ("port", "protocol", "shape", "first", "ignored"),
    [(10, TCP, 0, 3, 0), (10, TCP, 1, 3, 0), (10, UDP, 6, 3, 0), (59, TCP, 0, 0, 3), (30, TCP, 0, 0, 0)],
    ids=["first", "options", "UDP", "guard", "later"],
)
@pytest.mark.parametrize("version", [4, 6])
def test_the_lane_takes_the_packets_of_strangers(
    version: int, port: int, protocol: int, shape: int, first: int, ignored: int
) -> None:
    """Of a flood on one port, once lines are held back, no packet is left for the general way."""
    made, bucket = matcher(0, 64)
    flood = [frame(version, source, port, protocol, 2, shape) for source in range(1, 4)]
    size = len(flood[0])
    records = b"".join(RECORD.pack(0, 0, size * at, size) for at in range(3))
    local = frozenset({LOCAL4, LOCAL6})
    left = list(strange(made, b"".join(flood), records, [0.0] * 3, local, ipv6=True))
    assert ([], first, ignored, first + ignored) == (left, len(made.first), len(made.ignored), bucket.held)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 40_000_000), min_size=1, max_size=20),
    st.floats(0, 20),
    st.floats(0, 15),
    st.booleans(),
)
def test_time_goes_forward_from_floor_to_now(stamps: list[int], now: float, floor: float, late: bool) -> None:
    """Whatever the stamps say, packets come between ``floor`` and ``now``, each no earlier than the last."""
    floor = min(floor, now)
    records = b"".join(RECORD.pack(*divmod(stamp, 1_000_000), 0, 0) for stamp in stamps)
    found = times(records, now, floor, 0.0, 0.02 if late else 100.0)
    assert (found, len(found)) == (sorted(found), len(stamps))
    assert all(floor <= arrived <= now for arrived in found)


def test_a_backlog_is_judged_by_its_stamps() -> None:
    """Packets that waited in the ring keep their distance."""
    records = RECORD.pack(5, 0, 0, 0) + RECORD.pack(6, 500_000, 0, 0)
    assert times(records, 9.0, 1.0, 0.0, 0.02) == [5.0, 6.5]


@pytest.mark.parametrize("before", [0, 1, 700])
def test_the_stamp_of_a_packet(before: int) -> None:
    """A packet that is yielded has the kernel's stamp of its own record, whatever was settled before it."""
    made, _ = matcher(0)
    last = frame(4, 7, 50, TCP, 2, 0)
    batch = [*(frame(4, 1 + n % 200, 10, TCP, 2, 0) for n in range(before)), last, last[:20]]
    data = b"".join(batch)
    at = [len(b"".join(batch[:n])) for n in range(len(batch))]
    records = b"".join(RECORD.pack(1_000, n, at[n], len(one)) for n, one in enumerate(batch))
    taken = iter([0.0] * len(batch))
    found = {
        packet[3]: stamp(records, length_hint(taken))
        for _, packet in strange(made, data, records, taken, frozenset({LOCAL4}), ipv6=True)
    }
    assert found[50] == 1_000_000_000 + before
