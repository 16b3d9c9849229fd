"""The fast lane of a flood and the general way come to one outcome, and time goes forward."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd.engine.alike import LEAST, settle_alike
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
    arrivals: Sequence[float],
    _local: frozenset[bytes],
    *,
    ipv6: bool,
) -> Iterator[Timed]:
    """All packets of a batch: what ``strange`` yields without a fast lane."""
    decode = decoder_for(DLT_EN10MB)
    assert decode is not None
    headers = zip(arrivals, RECORD.iter_unpack(records), strict=True)
    for place, (arrived, (_, _, offset, length)) in enumerate(headers):
        packet = decode(data, offset, offset + length)
        if packet is not None and (ipv6 or len(packet[0]) == 4):
            yield arrived, place, packet


@st.composite
def alike(draw: st.DrawFn) -> list[bytes]:
    """A batch of frames that differ in their sources, and perhaps in one byte of one of them."""
    version, port, protocol, flags = draw(
        st.tuples(
            st.sampled_from([4, 6]),
            st.sampled_from([10, 11, 20, 30, 40, 50, 59, 60, 99]),
            st.sampled_from([TCP, TCP, UDP]),
            st.sampled_from([0x02, 0x12]),
        )
    )
    shape = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 4]))
    sources = draw(st.lists(st.integers(0, 255), min_size=LEAST, max_size=24, unique=draw(st.booleans())))
    made = [frame(version, source, port, protocol, flags, shape) for source in sources]
    if draw(st.booleans()):
        odd = bytearray(made[draw(st.integers(0, len(made) - 1))])
        odd[draw(st.integers(12, len(odd) - 1))] ^= draw(st.sampled_from([1, 2, 0x10, 0x80]))
        made[draw(st.integers(0, len(made) - 1))] = bytes(odd)
    return made


def play(
    sent: list[list[bytes]], tokens: int, *, lane: bool, ipv6: bool, room: int = 16
) -> tuple[object, ...]:
    """Plays batches one second apart; everything that can be told of the matcher afterwards."""
    made, bucket = matcher(tokens, room)
    local = frozenset({LOCAL4, LOCAL6})
    events: list[Event | int] = []
    for second, batch in enumerate(sent):
        data = b"".join(batch)
        ends = [len(b"".join(batch[: i + 1])) for i in range(len(batch))]
        records = b"".join(
            RECORD.pack(second, place, end - len(one), len(one))
            for place, (end, one) in enumerate(zip(ends, batch, strict=True))
        )
        arrivals = [second + 0.002 * place for place in range(len(batch))]
        batch_of = strange if lane else every
        for arrived, at, packet in batch_of(made, data, records, arrivals, local, ipv6=ipv6):
            for event in made.feed(packet, local, arrived):
                events += [event, stamp(records, at)]
                if isinstance(event, Opened) and event.door == 3:
                    made.set_sequence(3, ())  # a used one-time sequence
    tables = [(dict(t.old), dict(t.young), t.evicted) for t in (made.first, made.advanced, made.ignored)]
    return events, tables, bucket.held, bucket.tokens, made.next_expiry()


rooms = st.sampled_from([16, 96, 512])
"""Sizes of the tables: too small for a batch, soon full, and large."""

batches = st.one_of(st.lists(frames, max_size=12), alike())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(batches, max_size=6), st.sampled_from([0, 0, 2]), st.booleans(), st.sampled_from([16, 96, 512])
)
@example([[frame(4, 1, 10, TCP, 2, 0), frame(4, 1, 20, TCP, 2, 0), frame(4, 1, 30, TCP, 2, 0)]], 0, True, 16)
def test_the_fast_lane_changes_nothing(sent: list[list[bytes]], tokens: int, ipv6: bool, room: int) -> None:
    """With and without the lane the same events, tables, tokens and counts come out."""
    slow, fast = (play(sent, tokens, lane=lane, ipv6=ipv6, room=room) for lane in (False, True))
    assert slow == fast


@pytest.mark.parametrize(
    ("port", "protocol", "shape", "tokens", "settled"),
    [
        (10, TCP, 0, 0, True),
        (10, UDP, 0, 0, True),
        (59, TCP, 0, 0, True),
        (30, TCP, 0, 2, True),
        (10, TCP, 0, 2, False),
        (50, TCP, 0, 0, False),
        (11, TCP, 0, 0, False),
        (10, TCP, 1, 0, False),
        (10, TCP, 4, 0, False),
    ],
    ids=["first", "UDP", "guard", "later", "lines", "opens", "two doors", "options", "other host"],
)
@pytest.mark.parametrize("version", [4, 6])
def test_which_batches_are_settled_as_a_whole(
    version: int, port: int, protocol: int, shape: int, tokens: int, settled: bool
) -> None:
    """Those of strangers at one door, as long as nothing opens, no line is due and all are of plain form."""
    made, _ = matcher(tokens, 512)
    flood = [frame(version, source, port, protocol, 2, shape) for source in range(1, LEAST + 1)]
    size = len(flood[0])
    records = b"".join(RECORD.pack(0, 0, size * at, size) for at in range(LEAST))
    local = frozenset({LOCAL4, LOCAL6})
    found = settle_alike(made, b"".join(flood), records, [0.0] * LEAST, local, ipv6=True)
    remembered = len(made.first) + len(made.ignored)
    assert (found, remembered) == (settled, LEAST if settled and port != 30 else 0)


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("place", [0, LEAST // 2])
@pytest.mark.parametrize("length", [None, b"\x01\x03"], ids=["whole", "cut"])
def test_one_byte_of_one_frame(version: int, protocol: int, place: int, length: bytes | None) -> None:
    """A frame that differs from the others of its batch in any byte is judged as what it is."""
    plain = [frame(version, source, 10, protocol, 2, 0) for source in range(1, LEAST + 1)]
    if length is not None:  # in the IP header: more than was captured
        field = 16 if version == 4 else 18
        plain = [one[:field] + length + one[field + 2 :] for one in plain]
    for at in range(12, len(plain[0])):
        for change in (1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xFF):
            odd = bytearray(plain[place])
            odd[at] ^= change
            sent = [[*plain[:place], bytes(odd), *plain[place + 1 :]]]
            slow, fast = (play(sent, 0, lane=lane, ipv6=True, room=512) for lane in (False, True))
            assert (at, change, slow) == (at, change, fast)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("source", [0, 1, 7, 127, 223, 224, 239, 255])
@pytest.mark.parametrize("ports", [(10, 10), (10, 59), (59, 10), (59, 60), (60, 59), (10, 20), (60, 61)])
def test_batches_that_meet(version: int, source: int, ports: tuple[int, int]) -> None:
    """Sources that no host can have, that come twice, or that are known from a batch before."""
    sources = [*range(40, 40 + LEAST - 1), source]
    sent = [[frame(version, one, port, TCP, 2, 0) for one in sources] for port in (*ports, ports[0])]
    slow, fast = (play(sent, 0, lane=lane, ipv6=True, room=512) for lane in (False, True))
    assert slow == fast


@pytest.mark.parametrize("room", [96, 384])
@pytest.mark.parametrize("port", [10, 59])
def test_a_table_that_turns_over(port: int, room: int) -> None:
    """A batch that does not fit into a generation begins another, as its packets one by one would."""
    sent = [
        [frame(4, one, port, TCP, 2, 0) for one in range(start, start + 20)] for start in range(1, 181, 20)
    ]
    slow, fast = (play(sent, 0, lane=lane, ipv6=True, room=room) for lane in (False, True))
    assert slow == fast


def test_no_ipv6_batch_is_settled_where_ipv6_is_not_wanted() -> None:
    """With -4 the frames of IPv6 mean nothing."""
    sent = [[frame(6, source, 10, TCP, 2, 0) for source in range(1, LEAST + 1)]]
    assert play(sent, 0, lane=True, ipv6=False) == play([], 0, lane=True, ipv6=False)


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


@given(st.lists(st.integers(0, 9_000_000), min_size=1, max_size=60), st.floats(0, 9))
def test_stamps_in_order_are_told_to_a_millisecond(stamps: list[int], floor: float) -> None:
    """Of packets that waited each has its own time, or that of one before it a millisecond ago at most."""
    records = b"".join(RECORD.pack(*divmod(stamp, 1_000_000), 0, 0) for stamp in sorted(stamps))
    found = times(records, 9.5, floor, 0.0, 0.02)
    wanted = [max(stamp / 1e6, floor) for stamp in sorted(stamps)]
    assert all(-1e-9 <= want - arrived <= 0.001 + 1e-9 for want, arrived in zip(wanted, found, strict=True))


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
    arrivals = [0.0] * len(batch)
    found = {
        packet[3]: stamp(records, place)
        for _, place, packet in strange(made, data, records, arrivals, frozenset({LOCAL4}), ipv6=True)
    }
    assert found[50] == 1_000_000_000 + before
