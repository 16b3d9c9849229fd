"""The matcher equals the slow obvious model, whatever comes, and keeps the promises made for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, TypeVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd.knocks.events import Opened, Spoiled
from knockd.knocks.matcher import SWEEP_PAUSE, Matcher
from knockd.knocks.watch import watches_of
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.model import Door, FlagRule, Step
from knockd_conf.protocol import Protocol
from tests.support.doubles.played import pending
from tests.support.oracles.matching_rules import Model, guarded

LOCAL = frozenset({ip_address("10.0.0.1").packed, ip_address("fd00::1").packed})
ROUTED = ip_address("10.0.0.77")
ELSEWHERE = ip_address("10.0.0.99").packed
SOURCES = [ip_address(text).packed for text in ("192.0.2.1", "192.0.2.2", "2001:db8::1")]
T = TypeVar("T")
SYN, FIN, ACK = 0x02, 0x01, 0x10

SLOWEST_SWEEP = SWEEP_PAUSE + 1.0
"""Seconds after a deadline by which the timer has come at the latest, with a full table."""


@dataclass(frozen=True)
class Arrival:
    """A packet, ``gap`` seconds after the one before."""

    gap: float
    packet: Packet


@dataclass(frozen=True)
class Rotation:
    """A door gets another sequence and other guards, ``gap`` seconds after what was before."""

    gap: float
    door: int
    steps: tuple[Step, ...]
    guards: frozenset[Step]


@dataclass(frozen=True)
class OtherGuards:
    """A door gets other guards for the same sequence, ``gap`` seconds after what was before."""

    gap: float
    door: int
    guards: frozenset[Step]


Guards = list[frozenset[Step]]
"""The guard ports of each door."""


steps = st.builds(
    Step, st.integers(1, 3), st.sampled_from([Protocol.TCP, Protocol.TCP, Protocol.TCP, Protocol.UDP])
)
sequences = st.lists(steps, min_size=1, max_size=5).map(tuple)
guards = st.builds(Step, st.integers(3, 5), st.sampled_from([Protocol.TCP, Protocol.TCP, Protocol.UDP]))
"""Port 3 may be a step too."""

rules = st.sampled_from(
    [None, FlagRule(SYN, 0), FlagRule(SYN, ACK), FlagRule(0, SYN), FlagRule(FIN | SYN, 0)]
)
doors = st.builds(
    Door,
    name=st.just("door"),
    path=st.just("knockd.conf"),
    line=st.just(1),
    steps=sequences,
    seq_timeout=st.sampled_from([0.0, 0.5, 1.0, 2.0, 25.0]),
    flags=rules,
    target=st.sampled_from([(), (), (ROUTED,)]),
    seq_cooldown=st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 30.0]),
)
gaps = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 1.25, 30.0])
"""Seconds that binary fractions hold exactly: an age equals a timeout when it should."""


@st.composite
def packets(draw: st.DrawFn, watched: list[Door]) -> Packet:
    """A packet that mostly is some step of some door, to the right address, with fitting flags."""
    door = draw(st.sampled_from(watched))
    known = st.sampled_from(door.steps)
    step = draw(st.one_of(known, known, known, known, steps, steps, guards))
    destination = draw(
        st.sampled_from([right_address(door)] * 3 + [*sorted(LOCAL), ROUTED.packed, ELSEWHERE])
    )
    flags = draw(st.sampled_from([fitting_flags(door)] * 3 + [0, ACK, SYN | ACK]))
    return packet_of(draw(st.sampled_from(SOURCES)), destination, step, flags)


@st.composite
def runs(draw: st.DrawFn, watched: list[Door]) -> list[Arrival]:
    """The steps of one door in order from one source, some of them twice."""
    door = draw(st.sampled_from(watched))
    source = draw(st.sampled_from(SOURCES))
    return [
        Arrival(draw(gaps), packet_of(source, right_address(door), step, fitting_flags(door)))
        for step in door.steps
        for _ in range(draw(st.sampled_from([1, 1, 1, 2])))
    ]


def packet_of(source: bytes, destination: bytes, step: Step, flags: int) -> Packet:
    """A packet for one step; UDP has no flags."""
    if step.protocol is Protocol.UDP:
        return Packet(source, destination, UDP, step.port, 0)
    return Packet(source, destination, TCP, step.port, flags)


def right_address(door: Door) -> bytes:
    """A destination that the door watches."""
    return door.target[0].packed if door.target else min(LOCAL)


def fitting_flags(door: Door) -> int:
    """A flag byte that the door accepts."""
    return door.flags.must_set if door.flags else SYN


def singles(watched: list[Door]) -> st.SearchStrategy[list[Arrival]]:
    """One packet."""
    return st.builds(Arrival, gaps, packets(watched)).map(lambda arrival: [arrival])


def some(chunks: st.SearchStrategy[list[T]], draw: st.DrawFn) -> list[T]:
    """Few or many chunks, joined."""
    least = draw(st.sampled_from([0, 15]))
    return [each for chunk in draw(st.lists(chunks, min_size=least, max_size=25)) for each in chunk]


@st.composite
def guards_of(draw: st.DrawFn, watched: list[Door]) -> Guards:
    """Guards for each door, often none."""
    return [draw(st.one_of(st.just(frozenset()), st.frozensets(guards, max_size=3))) for _ in watched]


@st.composite
def guarded_traces(draw: st.DrawFn) -> tuple[list[Door], Guards, list[Arrival]]:
    """Doors, their guards and packets at them."""
    watched, arrivals = draw(traces())
    return watched, draw(guards_of(watched)), arrivals


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[Door], list[Arrival]]:
    """Doors and packets at them."""
    watched = draw(st.lists(doors, min_size=1, max_size=4))
    return watched, some(st.one_of(singles(watched), runs(watched)), draw)


@st.composite
def visits(draw: st.DrawFn, watched: list[Door]) -> list[Arrival | Rotation | OtherGuards]:
    """A knock in whose middle a guard is touched, which is none any more a little later."""
    number = draw(st.integers(0, len(watched) - 1))
    door, guard = watched[number], draw(guards)
    middle = draw(st.integers(0, len(door.steps)))
    source, to, flags = draw(st.sampled_from(SOURCES)), right_address(door), fitting_flags(door)
    knock = [Arrival(draw(gaps), packet_of(source, to, step, flags)) for step in door.steps]
    others = draw(st.frozensets(guards, max_size=2)) - {guard}
    return [
        OtherGuards(0.0, number, others | {guard}),
        *knock[:middle],
        Arrival(draw(gaps), packet_of(source, to, guard, flags)),
        OtherGuards(draw(gaps), number, others),
        *knock[middle:],
    ]


@st.composite
def rotating_traces(draw: st.DrawFn) -> tuple[list[Door], Guards, list[Arrival | Rotation | OtherGuards]]:
    """Doors, packets at them and now and then a new sequence (or none) or new guards for one of them."""
    watched = draw(st.lists(doors, min_size=1, max_size=3))
    rotations = st.builds(
        Rotation,
        gaps,
        st.integers(0, len(watched) - 1),
        st.one_of(sequences, st.just(()), sequences),
        st.frozensets(guards, max_size=3),
    ).map(lambda rotation: [rotation])
    others = st.builds(
        OtherGuards, gaps, st.integers(0, len(watched) - 1), st.frozensets(guards, max_size=3)
    ).map(lambda other: [other])
    chunks: st.SearchStrategy[Any] = st.one_of(
        singles(watched), runs(watched), visits(watched), others, rotations
    )
    happenings: list[Arrival | Rotation | OtherGuards] = some(chunks, draw)
    return watched, draw(guards_of(watched)), happenings


def guarded_matcher(watched: list[Door], guards: Guards, slack: float = 0.0) -> Matcher:
    """A matcher with guards."""
    return Matcher(guarded(watched, guards), slack=slack)


TWO_AT_ONE_STAGE = (
    [Door("door", "knockd.conf", 1, (Step(1), Step(1), Step(2)), seq_timeout=1.0)],
    [frozenset[Step]()],
    [
        Arrival(gap, Packet(SOURCES[0], min(LOCAL), TCP, port, SYN))
        for gap, port in [(0, 1), (0, 1), (0.5, 1), (0.5, 1), (0.25, 2)]
    ],
)
"""The younger of two attempts that meet at stage 2 is still in time when the last step comes."""


GUARD_AFTER_THE_DEADLINE = (
    [Door("door", "knockd.conf", 1, (Step(1), Step(2)), seq_timeout=1.0)],
    [frozenset([Step(3)])],
    [
        Arrival(gap, Packet(SOURCES[0], min(LOCAL), TCP, port, SYN))
        for gap, port in [(0, 1), (1.25, 3), (0, 1), (1, 1), (1, 2)]
    ],
)
"""An attempt has expired when its source touches a guard; exactly Seq_Timeout later the next may start."""


@settings(max_examples=150, deadline=None)
@given(guarded_traces(), st.sampled_from([0.0, 0.25]))
@example(TWO_AT_ONE_STAGE, 0.0)
@example(GUARD_AFTER_THE_DEADLINE, 0.0)
def test_every_packet_means_to_the_matcher_what_it_means_to_the_model(
    trace: tuple[list[Door], Guards, list[Arrival]], slack: float
) -> None:
    """Without a timer, each packet of any trace gives the same events in the same order."""
    watched, guards, arrivals = trace
    matcher, model, now = (
        guarded_matcher(watched, guards, slack),
        Model(guarded(watched, guards), late=slack),
        0.0,
    )
    for arrival in arrivals:
        now += arrival.gap
        expected = model.feed(now, LOCAL, arrival.packet)
        assert expected == matcher.feed(arrival.packet, LOCAL, now)


@settings(max_examples=150, deadline=None)
@given(rotating_traces())
def test_timer_and_new_sequences_agree_with_the_model(
    trace: tuple[list[Door], Guards, list[Arrival | Rotation | OtherGuards]],
) -> None:
    """With the timer called when due and sequences and guards changing, all events are the model's."""
    watched, guards, happenings = trace
    matcher, model, now = guarded_matcher(watched, guards), Model(guarded(watched, guards)), 0.0
    live = guarded(watched, guards)
    for happening in happenings:
        now += happening.gap
        due = matcher.next_expiry()
        if due is not None and due <= now:
            assert sorted(model.expire(now), key=str) == sorted(matcher.expire(now), key=str)
        if isinstance(happening, Rotation):
            live[happening.door] = replace(
                live[happening.door],
                steps=happening.steps,
                serial=live[happening.door].serial + 1,
                guards=tuple(happening.guards),
            )
            model.set_watches(live, now)
            matcher.set_watches(live, now)
        elif isinstance(happening, OtherGuards):
            live[happening.door] = replace(live[happening.door], guards=tuple(happening.guards))
            model.set_watches(live, now)
            matcher.set_watches(live, now)
        else:
            expected = model.feed(now, LOCAL, happening.packet)
            assert expected == matcher.feed(happening.packet, LOCAL, now)


@settings(max_examples=60, deadline=None)
@given(guarded_traces())
def test_timer_comes_for_every_attempt(trace: tuple[list[Door], Guards, list[Arrival]]) -> None:
    """While an attempt lives the timer is set for its deadline, or for one sweep's pause after it."""
    watched, guards, arrivals = trace
    matcher, model, now, swept = guarded_matcher(watched, guards), Model(guarded(watched, guards)), 0.0, 0.0
    for arrival in arrivals:
        now += arrival.gap
        due = matcher.next_expiry()
        if due is not None and due <= now:
            matcher.expire(now)
            model.expire(now)
            swept = now
        model.feed(now, LOCAL, arrival.packet)
        matcher.feed(arrival.packet, LOCAL, now)
        deadline, due = model.soonest_deadline(), matcher.next_expiry()
        if deadline is not None:
            assert due is not None
            assert due <= max(deadline, swept) + SLOWEST_SWEEP


@settings(max_examples=60, deadline=None)
@given(guarded_traces())
def test_nothing_is_left_when_the_timer_has_run_out(trace: tuple[list[Door], Guards, list[Arrival]]) -> None:
    """After the last packet the timer alone ends every attempt, and then asks for nothing more."""
    watched, guards, arrivals = trace
    matcher, now = guarded_matcher(watched, guards), 0.0
    for arrival in arrivals:
        now += arrival.gap
        matcher.feed(arrival.packet, LOCAL, now)
    for _ in range(1000):
        due = matcher.next_expiry()
        if due is None:
            break
        matcher.expire(due)
    assert (matcher.next_expiry(), pending(matcher)) == (None, 0)


@settings(max_examples=300, deadline=None)
@given(traces())
def test_packets_that_are_exactly_the_sequence_always_open(trace: tuple[list[Door], list[Arrival]]) -> None:
    """When a source's last packets at a door are its sequence, in time, one of them has opened the door.

    Every opening of knockd 0.8 is of this kind, so none of them is lost without guards and cooldowns. Only
    when the first of them was the end of a knock at another door, there is no attempt that it begins.
    """
    watched, arrivals = trace
    watched = [replace(door, seq_cooldown=0.0) for door in watched]
    matcher, model, now = Matcher(watches_of(watched)), Model(guarded(watched)), 0.0
    history: dict[tuple[int, bytes], list[tuple[float, Step, frozenset[int]]]] = {}
    for arrival in arrivals:
        now += arrival.gap
        packet = arrival.packet
        events = matcher.feed(packet, LOCAL, now)
        opened = frozenset(event.door for event in events if isinstance(event, Opened))
        for index, door in enumerate(watched):
            if not model.concerns(index, packet, LOCAL):
                continue
            seen = history.setdefault((index, packet.source), [])
            seen.append((now, Step(packet.port, Protocol(packet.protocol)), opened))
            latest = seen[-len(door.steps) :]
            if tuple(step for _, step, _ in latest) == door.steps and now - latest[0][0] <= door.seq_timeout:
                ended_another = any(len(watched[other].steps) > 1 for other in latest[0][2] - {index})
                assert ended_another or any(index in doors for _, _, doors in latest)


SPREAD = [(1, 20), (2, 1, 20), (20, 2, 2, 1), (1, 20, 1)]
HASTY = st.sampled_from([0.0, 0.0, 0.0078125, 0.015625, 0.0625, 0.25])
spread_doors = st.builds(
    lambda ports, seconds, cooldown: Door(
        *("door", "knockd.conf", 1, tuple(Step(port) for port in ports)),
        seq_timeout=seconds,
        seq_cooldown=cooldown,
    ),
    st.sampled_from(SPREAD),
    st.sampled_from([0.5, 2.0, 25.0]),
    st.sampled_from([0.0, 0.0, 2.0]),
)


@st.composite
def hasty(draw: st.DrawFn, watched: list[Door]) -> list[Arrival]:
    """A guard, and a knock that is quick or nearly, perhaps with something between its steps."""
    source, ports = (
        draw(st.sampled_from(SOURCES)),
        [step.port for step in draw(st.sampled_from(watched)).steps],
    )
    if draw(st.integers(0, 3)) == 0:
        ports.insert(draw(st.integers(1, len(ports))), draw(st.sampled_from([1, 2, 13, 20])))
    sent = [(0.0, draw(st.sampled_from([5, 13, 14])))] if draw(st.booleans()) else []
    sent += [
        (draw(HASTY if at else st.sampled_from([0.09375, 0.125, 0.5, 1.0])), p) for at, p in enumerate(ports)
    ]
    return [Arrival(gap, Packet(source, min(LOCAL), TCP, port, SYN)) for gap, port in sent]


@settings(max_examples=150, deadline=None)
@given(st.lists(spread_doors, min_size=1, max_size=2), st.data(), st.sampled_from([0.0, 0.25]))
def test_quick_knocks_are_those_of_the_model(watched: list[Door], data: st.DataObject, slack: float) -> None:
    """Whoever is ignored opens by what is a quick knock to the model, and by nothing else."""
    guards = [frozenset(Step(port) for port in (5, 13, 14))] * len(watched)
    matcher = guarded_matcher(watched, guards, slack)
    model, now = Model(guarded(watched, guards), late=slack), 0.0
    for chunk in data.draw(st.lists(hasty(watched), min_size=4, max_size=25)):
        for arrival in chunk:
            now += arrival.gap
            expected = model.feed(now, LOCAL, arrival.packet)
            assert expected == matcher.feed(arrival.packet, LOCAL, now)


@given(sequences, st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=5, max_size=5))
def test_steps_that_are_done_and_come_again_change_nothing(
    sequence: tuple[Step, ...], again: list[list[int]]
) -> None:
    """Whatever earlier steps come once more between the steps, a knock opens; nothing is spoiled before."""
    door = Door("door", "knockd.conf", 1, sequence)
    matcher, sent = Matcher(watches_of([door])), list[Step]()
    for done, (step, repeated) in enumerate(zip(sequence, again, strict=False), 1):
        sent += [step, *(sequence[number] for number in repeated if number < done < len(sequence))]
    for each in sent:
        events = matcher.feed(packet_of(SOURCES[0], min(LOCAL), each, SYN), LOCAL, 1.0)
        assert not any(isinstance(event, Spoiled) for event in events)
        if any(isinstance(event, Opened) for event in events):
            return  # a step that is done may be due, too: what comes after is another knock
    raise AssertionError("it did not open")


TWO_ALIKE = (
    [Door("door", "knockd.conf", 1, (Step(1), Step(1)), seq_timeout=0.0)] * 2,
    [Arrival(0.0, Packet(SOURCES[of], min(LOCAL), TCP, 1, SYN)) for of in (0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)],
)
"""Once an attempt is forgotten, each later opening comes at another packet than the model's."""


@settings(max_examples=60, deadline=None)
@given(traces(), st.integers(1, 6))
@example(TWO_ALIKE, 1)
def test_a_small_table_forgets_but_never_invents(
    trace: tuple[list[Door], list[Arrival]], max_attempts: int
) -> None:
    """However few attempts the table holds, whoever opens has sent all steps in order, in time."""
    watched, arrivals = trace
    matcher, model, now = (
        Matcher(watches_of(watched), max_attempts=max_attempts),
        Model(guarded(watched)),
        0.0,
    )
    sent: dict[tuple[int, bytes], list[tuple[float, Step]]] = {}
    for arrival in arrivals:
        now += arrival.gap
        packet = arrival.packet
        for index in range(len(watched)):
            if model.concerns(index, packet, LOCAL):
                step = Step(packet.port, Protocol(packet.protocol))
                sent.setdefault((index, packet.source), []).append((now, step))
        for event in matcher.feed(packet, LOCAL, now):
            if isinstance(event, Opened):
                since = now - watched[event.door].seq_timeout
                steps = iter([step for at, step in sent.pop((event.door, event.source)) if at >= since])
                assert all(step in steps for step in watched[event.door].steps)
