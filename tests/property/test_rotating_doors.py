"""Doors with several live sequences: the matcher equals the slow model, and batches change nothing.

Worlds are small, so that sequences of keys, periods and doors meet at ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.knocks.batch import LEAST, Batch, grouped
from knockd.knocks.events import Event, Opened
from knockd.knocks.matcher import Matcher
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch
from knockd.sequences.rotating_watches import LIVE, RECOGNISED, KeySequences, make_watches
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.access import Access, make_networks
from knockd_conf.model import GuardPorts, Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports
from tests.support.oracles.matching_rules import Model

OURS = bytes((10, 0, 0, 1))
LOCAL = frozenset({OURS})
SOURCES = [bytes((192, 0, 2, number)) for number in range(4)]
SYN = 0x02
LENGTH = 30
"""Seconds of a period."""

NONE = GuardPorts(auto=False)
PERIODS = range(100, 110)
SOME = Access(make_networks([ip_network("192.0.2.0/31")]), ())

ports = st.builds(Port, st.integers(1, 24), st.sampled_from([Protocol.TCP, Protocol.TCP, Protocol.UDP]))


@st.composite
def sequences(draw: st.DrawFn) -> Ports:
    """The ports of a period: two to four steps and two guards, all distinct."""
    steps = draw(st.integers(2, 4))
    chosen = draw(st.lists(ports, min_size=steps + 2, max_size=steps + 2, unique=True))
    return Ports(tuple(chosen[:steps]), tuple(chosen[steps:]))


@dataclass(frozen=True)
class World:
    """Two doors: the first one has keys, the second one a sequence of its own."""

    keys: Sequence[Sequence[Ports]]
    """The ports of each key in each of PERIODS."""
    plain: Watch
    access: Access | None
    seq_timeout: float
    seq_cooldown: float

    def watches(self, now: int, burnt: Sequence[int | None], taken: frozenset[int]) -> list[Watch]:
        """All watches in a period."""
        base = Watch(0, (), seq_timeout=self.seq_timeout, seq_cooldown=self.seq_cooldown, access=self.access)
        keyed = [
            KeySequences(0, str(place), LENGTH, now, dict(zip(PERIODS, its, strict=True)), used)
            for place, (its, used) in enumerate(zip(self.keys, burnt, strict=True))
        ]
        in_use = Taken(in_use=taken)
        return list(make_watches([base, self.plain], [NONE, NONE], in_use, keyed, serial_of))


def serial_of(door: int, key: str, period: int) -> int:
    """A number of its own for each sequence, larger for later ones of a key."""
    return 1_000 * door + 100 * int(key) + period - PERIODS.start + 1


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world of one or two keys."""
    timed = st.lists(sequences(), min_size=len(PERIODS), max_size=len(PERIODS))
    return World(
        keys=draw(st.lists(timed, min_size=1, max_size=2)),
        plain=Watch(1, tuple(map(step, draw(sequences()).steps)), access=draw(st.sampled_from([None, SOME]))),
        access=draw(st.sampled_from([None, None, SOME])),
        seq_timeout=draw(st.sampled_from([1.0, 25.0])),
        seq_cooldown=draw(st.sampled_from([0.0, 0.0, 45.0])),
    )


@dataclass(frozen=True)
class Sent:
    """Packets to some ports from a source, the first one ``gap`` seconds after what was before."""

    gap: float
    source: bytes
    to: tuple[Port, ...]


@dataclass(frozen=True)
class Seen:
    """A view ``gap`` seconds later: so many periods on, with what has opened noted as used or not.

    ``in_use``: the port of the latest line about a guard is one that is in use.
    """

    gap: float
    on: int
    noted: bool
    in_use: bool


gaps = st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0, 1.25])
views = st.builds(Seen, st.sampled_from([0.0, 1.0, 30.0]), st.sampled_from([0, 1, 1]), *[st.booleans()] * 2)


@st.composite
def knocks(draw: st.DrawFn, world: World) -> Sent:
    """The sequence of a key in some period, whole or with a packet lost, twice or beside the sequence."""
    period = draw(st.sampled_from([2, 3, 3, 4, 4, 5, 6, 1]))
    its = draw(st.sampled_from([*world.keys]))[period].steps
    way = draw(st.sampled_from(["whole", "whole", "whole", "lost", "again", "other"]))
    lost = draw(st.integers(0, len(its) - 1))
    to = {"lost": (*its[:lost], *its[lost + 1 :]), "again": (*its, its[-1]), "other": (*its, draw(ports))}
    return Sent(draw(gaps), draw(st.sampled_from(SOURCES)), to.get(way, its))


@st.composite
def traces(draw: st.DrawFn) -> tuple[World, list[Sent | Seen]]:
    """A world and what happens in it."""
    world = draw(worlds())
    own = tuple(Port(one.port, one.protocol) for one in world.plain.steps)
    strange: st.SearchStrategy[Any] = st.builds(
        Sent, gaps, st.sampled_from(SOURCES), st.one_of(st.tuples(ports), st.just(own))
    )
    happening = st.one_of(knocks(world), knocks(world), strange, views)
    least = draw(st.sampled_from([0, 8, 20]))
    return world, draw(st.lists(happening, min_size=least, max_size=30))


def step(port: Port) -> Step:
    """The port as a step."""
    return Step(port.port, port.protocol)


def packet_to(port: Port, source: bytes) -> Packet:
    """A packet; UDP has no flags."""
    udp = port.protocol is Protocol.UDP
    return Packet(source, OURS, UDP if udp else TCP, port.port, 0 if udp else SYN)


class Keeper:
    """What the keeper knows: the period, the sequences that have opened, the ports in use."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = PERIODS.start + RECOGNISED
        self.burnt: list[int | None] = [None] * len(world.keys)
        self.opened: list[int] = []
        """Serials of what has opened and is not noted yet."""
        self.touched: frozenset[int] = frozenset()
        self.in_use: frozenset[int] = frozenset()

    def watches(self) -> list[Watch]:
        """The watches of now."""
        return self.world.watches(self.now, self.burnt, self.in_use)

    def hear(self, events: Sequence[Event]) -> None:
        """Takes note of events."""
        self.opened += [one.serial for one in events if isinstance(one, Opened) and one.door == 0]
        self.touched = frozenset(getattr(one, "port", 0) for one in events) or self.touched

    def see(self, view: Seen) -> list[Watch]:
        """The watches of a view."""
        self.now = min(self.now + view.on, PERIODS.stop - 1)
        for serial in self.opened if view.noted else ():
            key, period = divmod(serial - 1, 100)
            self.burnt[key] = max(self.burnt[key] or 0, period + PERIODS.start)
        self.opened = [] if view.noted else self.opened
        self.in_use = self.touched if view.in_use else frozenset()
        return self.watches()


@settings(max_examples=120, deadline=None)
@given(traces(), st.sampled_from([0.0, 0.25]))
def test_matcher_equals_the_model(trace: tuple[World, list[Sent | Seen]], slack: float) -> None:
    """Through rotations, used sequences, guards that go and timers, events and attempts are the model's."""
    world, happenings = trace
    keeper = Keeper(world)
    matcher, model, now = Matcher(keeper.watches(), slack=slack), Model(keeper.watches(), late=slack), 0.0
    for happening in happenings:
        now += happening.gap
        due = matcher.next_expiry()
        if due is not None and due <= now:
            assert sorted(model.expire(now), key=str) == sorted(matcher.expire(now), key=str)
        if isinstance(happening, Seen):
            watches = keeper.see(happening)
            matcher.set_watches(watches, now)
            model.set_watches(watches, now)
            continue
        for port in happening.to:
            packet = packet_to(port, happening.source)
            expected, events = model.feed(now, LOCAL, packet), matcher.feed(packet, LOCAL, now)
            assert expected == events
            keeper.hear(events)
    kept = sorted(one for one in matcher.export_attempts() if one.stage)
    assert sorted(model.attempts()) == kept


@settings(max_examples=80, deadline=None)
@given(traces())
def test_what_is_used_never_opens(trace: tuple[World, list[Sent | Seen]]) -> None:
    """With a keeper that notes each opening, a sequence opens once, and no earlier one of its key later."""
    world, happenings = trace
    keeper, now = Keeper(world), 0.0
    matcher = Matcher(keeper.watches())
    latest: dict[int, int] = {}
    for happening in happenings:
        now += happening.gap
        if isinstance(happening, Seen):
            matcher.set_watches(keeper.see(replace(happening, noted=True)), now)
            continue
        for port in happening.to:
            events = matcher.feed(packet_to(port, happening.source), LOCAL, now)
            keeper.hear(events)
            for event in events:
                if isinstance(event, Opened) and event.door == 0:
                    key, period = divmod(event.serial - 1, 100)
                    assert period > latest.get(key, -1)
                    assert abs(period + PERIODS.start - keeper.now) <= LIVE
                    latest[key] = period


@settings(max_examples=80, deadline=None)
@given(traces())
def test_one_event_of_a_kind(trace: tuple[World, list[Sent | Seen]]) -> None:
    """A packet has one event of a kind about a door at most; beside an opening there is none."""
    world, happenings = trace
    keeper, now = Keeper(world), 0.0
    matcher = Matcher(keeper.watches())
    for happening in happenings:
        now += happening.gap
        if isinstance(happening, Seen):
            matcher.set_watches(keeper.see(happening), now)
            continue
        for port in happening.to:
            events = matcher.feed(packet_to(port, happening.source), LOCAL, now)
            keeper.hear(events)
            kinds = [(event.door, type(event).__name__) for event in events]
            assert len(kinds) == len(set(kinds))
            about = {name for door, name in kinds if door == 0}
            if about & {"Opened", "Stage"}:
                assert about <= {"Opened"} or about <= {"Stage", "Expired", "Stale"}


@st.composite
def floods(draw: st.DrawFn, world: World) -> list[Packet]:
    """A batch of packets of one kind from many sources, some of them twice, and a few of other kinds."""
    known = [port for its in world.keys for each in its for port in (*each.steps, *each.guards)]
    own = [Port(one.port, one.protocol) for one in world.plain.steps]
    kind = draw(st.one_of(st.sampled_from(own), st.sampled_from([own[0], known[0]]), st.sampled_from(known)))
    numbers = draw(st.lists(st.integers(0, 99), min_size=LEAST, max_size=32, unique=draw(st.booleans())))
    made = [packet_to(kind, bytes((192, 0, 2, number))) for number in numbers]
    for port in draw(st.lists(st.sampled_from([*own, *known]), max_size=3)):
        made[draw(st.integers(0, len(made) - 1))] = packet_to(
            port, bytes((192, 0, 2, draw(st.integers(0, 99))))
        )
    return made


@st.composite
def flooded(draw: st.DrawFn) -> tuple[World, list[list[Packet] | Seen]]:
    """A world, floods and views."""
    world = draw(worlds())
    return world, draw(st.lists(st.one_of(floods(world), floods(world), views), min_size=2, max_size=6))


@settings(max_examples=80, deadline=None)
@given(flooded(), st.sampled_from([0, 0, 3]), st.sampled_from([16, 512]))
def test_batches_change_nothing(
    trace: tuple[World, list[list[Packet] | Seen]], tokens: int, room: int
) -> None:
    """Packet by packet or in batches, the same events, tables, tokens and counts come out."""
    slow, fast = (_flood(*trace, tokens, room, batched=batched) for batched in (False, True))
    assert slow == fast


def _flood(
    world: World, happenings: Sequence[list[Packet] | Seen], tokens: int, room: int, *, batched: bool
) -> tuple[object, ...]:
    keeper, now, bucket = Keeper(world), 0.0, TokenBucket(burst=tokens, rate=0.0)
    matcher = Matcher(keeper.watches(), max_attempts=room, strangers=bucket)
    events: list[tuple[int, Event]] = []
    for happening in happenings:
        now += 0.5
        if isinstance(happening, Seen):
            matcher.set_watches(keeper.see(happening), now)
            continue
        packets = [tuple(packet) for packet in happening]
        arrivals = [now + place / 128 for place in range(len(packets))]
        if batched:
            batch = Batch(len(packets), grouped(enumerate(packets)))  # type: ignore[arg-type]
            found = [*matcher.feed_batch(batch, LOCAL, arrivals)]
        else:
            found = [
                (place, event)
                for place, packet in enumerate(happening)
                for event in matcher.feed(packet, LOCAL, arrivals[place])
            ]
        keeper.hear([event for _, event in found])
        events += found
    kept = matcher._memory
    bounded = (kept.first, kept.advanced, kept.ignored, kept.quick, kept.cooling, kept.told)
    tables = [(dict(table._old), dict(table._young), table.evicted) for table in bounded]
    return events, tables, bucket.held, bucket.tokens, matcher.tally, matcher.next_expiry()
