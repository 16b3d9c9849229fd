"""Packets judged one by one and in batches come to one outcome, and time goes forward."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd.knocks.batch import LEAST, RECORD, packets, read_batch
from knockd.knocks.decode import decode_ethernet
from knockd.knocks.events import Event
from knockd.knocks.matcher import Matcher
from knockd.knocks.stamps import times
from knockd.knocks.watch import Watch, watches_of
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import TCP, UDP, PacketFields
from knockd_conf.model import Door, FlagRule, Step
from knockd_conf.protocol import Protocol
from tests.support.samples.frames import captured

HOP_BY_HOP = 0
LOCAL4, LOCAL6 = bytes([10, 0, 0, 1]), bytes([0xFD]) + bytes(15)
DOORS = (
    Door("a", "f", 1, (Step(10), Step(20), Step(30)), flags=FlagRule(0x02, 0x10)),
    Door("b", "f", 2, (Step(40), Step(40), Step(20)), seq_timeout=3.0, seq_cooldown=1.0),
    Door("c", "f", 3, (Step(50),), seq_cooldown=5.0),
    Door("d", "f", 4, (Step(60), Step(61)), one_time_file="f", flags=FlagRule(0x02, 0)),
    Door("e", "f", 5, (Step(10, Protocol.UDP), Step(40), Step(99, Protocol.UDP))),
    Door("open", "f", 6, (Step(70), Step(71), Step(72))),
    Door("close", "f", 7, (Step(72), Step(71), Step(70))),
    Door("g", "f", 8, (Step(72), Step(72), Step(72))),
)
GUARDS = ((Step(11),), (Step(41),), (Step(51),), (Step(59), Step(11)), (Step(11, Protocol.UDP),), (), (), ())


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


frames_from = st.builds(
    partial,
    st.just(frame),
    version=st.sampled_from([4, 4, 6]),
    port=st.sampled_from([10, 11, 20, 30, 40, 41, 50, 51, 59, 60, 61, 70, 71, 72, 72, 99]),
    protocol=st.sampled_from([TCP, TCP, TCP, UDP, UDP, 1]),
    flags=st.sampled_from([0x02, 0x02, 0x12, 0x10, 0x00]),
    shape=st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6]),
)
"""Makers of frames that want a source yet."""

frames = st.builds(
    lambda kind, source: kind(source=source), frames_from, st.sampled_from([0, 1, 2, 3, 223, 224, 255])
)


def matcher(tokens: int, max_attempts: int = 16) -> tuple[Matcher, TokenBucket]:
    """A matcher whose bucket holds ``tokens``; its tables are small enough to turn over."""
    bucket = TokenBucket(burst=tokens, rate=0.0)
    return Matcher(watches(), max_attempts=max_attempts, strangers=bucket, knockers=TokenBucket()), bucket


def watches() -> list[Watch]:
    """A watch for each door, with its guards."""
    return [replace(watch, guards=ports) for watch, ports in zip(watches_of(DOORS), GUARDS, strict=True)]


@st.composite
def uniform(draw: st.DrawFn) -> list[bytes]:
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
    sent: list[list[bytes]], tokens: int, *, batched: bool, ipv6: bool, room: int = 16
) -> tuple[object, ...]:
    """Plays batches one second apart, packet by packet or not; all that can be seen of the matcher after."""
    made, bucket = matcher(tokens, room)
    local = frozenset({LOCAL4, LOCAL6})
    events: list[tuple[int, Event]] = []
    for second, batch in enumerate(sent):
        data, records = captured(batch)
        arrivals = [second + 0.002 * place for place in range(len(batch))]
        if batched:
            events += made.feed_batch(read_batch(decode_ethernet, data, records, ipv6=ipv6), local, arrivals)
            continue
        for place, packet in packets(decode_ethernet, data, records, ipv6=ipv6):
            events += [(place, event) for event in made.feed(packet, local, arrivals[place])]
    kept = made._memory
    bounded = (kept.first, kept.advanced, kept.ignored, kept.quick, kept.cooling, kept.told)
    tables = [(dict(table._old), dict(table._young), table.evicted) for table in bounded]
    return events, tables, bucket.held, bucket.tokens, made.next_expiry()


@st.composite
def mixed(draw: st.DrawFn) -> list[bytes]:
    """A batch large enough to be read in groups: of few kinds, from many sources, some of them twice."""
    kinds = draw(st.lists(frames_from, min_size=1, max_size=4))
    sources = draw(st.lists(st.integers(0, 255), min_size=LEAST, max_size=40, unique=draw(st.booleans())))
    return [draw(st.sampled_from(kinds))(source=source) for source in sources]


batches = st.one_of(st.lists(frames, max_size=12), mixed(), uniform())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(batches, max_size=6), st.sampled_from([0, 0, 2]), st.booleans(), st.sampled_from([16, 96, 512])
)
@example([[frame(4, 1, 10, TCP, 2, 0), frame(4, 1, 20, TCP, 2, 0), frame(4, 1, 30, TCP, 2, 0)]], 0, True, 16)
def test_batches_change_nothing(sent: list[list[bytes]], tokens: int, ipv6: bool, room: int) -> None:
    """Packet by packet or in batches, the same events, tables, tokens and counts come out."""
    slow, fast = (play(sent, tokens, batched=batched, ipv6=ipv6, room=room) for batched in (False, True))
    assert slow == fast


class Counted(Matcher):
    """A matcher that counts the packets that it judges by themselves."""

    singles = 0

    def feed(self, packet: PacketFields, local: frozenset[bytes], now: float) -> list[Event]:
        """As its class does."""
        self.singles += 1
        return super().feed(packet, local, now)


@pytest.mark.parametrize(
    ("port", "protocol", "shape", "tokens", "alone"),
    [
        (10, TCP, 0, 0, 0),
        (10, UDP, 0, 0, 0),
        (10, UDP, 6, 0, 0),
        (59, TCP, 0, 0, 0),
        (30, TCP, 0, 2, 0),
        (10, TCP, 1, 0, 0),
        (10, TCP, 4, 0, 0),
        (99, TCP, 0, 0, 0),
        (10, TCP, 0, 2, 2),
        (50, TCP, 0, 0, LEAST),
        (11, TCP, 0, 0, LEAST),
    ],
    ids=["first", "UDP", "short", "guard", "later", "options", "other", "none", "lines", "opens", "two"],
)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("uniform", [True, False])
def test_packets_judged_by_themselves(
    version: int, port: int, protocol: int, shape: int, tokens: int, alone: int, uniform: bool
) -> None:
    """Of strangers' packets only those are that open, concern two doors or come while a line is due."""
    bucket = TokenBucket(burst=tokens, rate=0.0)
    made = Counted(watches(), max_attempts=512, strangers=bucket)
    flood = [frame(version, source, port, protocol, 2, shape) for source in range(1, LEAST + 1)]
    flood += [] if uniform else [frame(4, 99, 98, TCP, 2, 0)]
    data, records = captured(flood)
    batch = read_batch(decode_ethernet, data, records, ipv6=True)
    for _ in made.feed_batch(batch, frozenset({LOCAL4, LOCAL6}), [0.0] * len(flood)):
        pass
    assert made.singles == (len(flood) if alone == LEAST else alone)


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
            slow, fast = (play(sent, 0, batched=batched, ipv6=True, room=512) for batched in (False, True))
            assert (at, change, slow) == (at, change, fast)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("source", [0, 1, 7, 127, 223, 224, 239, 255])
@pytest.mark.parametrize("ports", [(10, 10), (10, 59), (59, 10), (59, 60), (60, 59), (10, 20), (60, 61)])
def test_batches_that_meet(version: int, source: int, ports: tuple[int, int]) -> None:
    """Sources that no host can have, that come twice, or that are known from a batch before."""
    sources = [*range(40, 40 + LEAST - 1), source]
    sent = [[frame(version, one, port, TCP, 2, 0) for one in sources] for port in (*ports, ports[0])]
    slow, fast = (play(sent, 0, batched=batched, ipv6=True, room=512) for batched in (False, True))
    assert slow == fast


@pytest.mark.parametrize("room", [96, 384])
@pytest.mark.parametrize("port", [10, 59])
def test_a_table_that_turns_over(port: int, room: int) -> None:
    """A batch that does not fit into a generation begins another, as its packets one by one would."""
    sent = [
        [frame(4, one, port, TCP, 2, 0) for one in range(start, start + 20)] for start in range(1, 181, 20)
    ]
    slow, fast = (play(sent, 0, batched=batched, ipv6=True, room=room) for batched in (False, True))
    assert slow == fast


def test_no_ipv6_batch_counts_where_ipv6_is_not_wanted() -> None:
    """With -4 the frames of IPv6 mean nothing."""
    sent = [[frame(6, source, 10, TCP, 2, 0) for source in range(1, LEAST + 1)]]
    assert play(sent, 0, batched=True, ipv6=False) == play([], 0, batched=True, ipv6=False)


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
