"""What is said of every packet of a source is what the matcher makes of it, whatever comes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.knocks.events import Ignored
from knockd.knocks.explain import Explainer
from knockd.knocks.matcher import Matcher
from knockd.knocks.verdicts import Kind
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule, Step
from knockd_conf.protocol import Protocol
from tests.support.oracles.matching_rules import implied_events

OURS, ROUTED, ELSEWHERE = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 77)), bytes((10, 0, 0, 99))
LOCAL = frozenset({OURS})
SOURCES = [bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)), bytes((192, 0, 2, 3))]
SYN, ACK = 0x02, 0x10

ports = st.builds(Step, st.integers(1, 3), st.sampled_from([Protocol.TCP, Protocol.TCP, Protocol.UDP]))
guards = st.builds(Step, st.integers(3, 5), st.sampled_from([Protocol.TCP, Protocol.UDP]))
"""Port 3 may be a step too."""

watches = st.builds(
    Watch,
    door=st.integers(0, 2),
    steps=st.lists(ports, min_size=0, max_size=5).map(tuple),
    flags=st.sampled_from([None, None, FlagRule(SYN, 0), FlagRule(SYN, ACK), FlagRule(0, SYN)]),
    target=st.sampled_from([frozenset[bytes](), frozenset[bytes](), frozenset({ROUTED})]),
    seq_timeout=st.sampled_from([0.0, 0.5, 1.0, 2.0, 25.0]),
    seq_cooldown=st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 30.0]),
    once=st.sampled_from([False, False, True]),
    guards=st.lists(guards, max_size=3, unique=True).map(tuple),
    serial=st.integers(0, 3),
    opens=st.sampled_from([True, True, True, False]),
    ignore_time=st.sampled_from([0.0, 0.0, 1.5, 60.0]),
    access=st.sampled_from([None, None, Access(make_networks([ip_network("192.0.2.0/31")]))]),
    key=st.sampled_from([0, 0, 1, 2]),
)
"""Often several of one door."""

gaps = st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 1.25, 30.0])
"""Seconds that binary fractions hold exactly: an age equals a timeout when it should."""

Arrivals = list[tuple[float, Packet]]
"""Packets, each with the seconds since the one before."""


def packet_to(step: Step, source: bytes, destination: bytes, flags: int) -> Packet:
    """A packet to a port; UDP has no flags."""
    if step.protocol is Protocol.UDP:
        return Packet(source, destination, UDP, step.port, 0)
    return Packet(source, destination, TCP, step.port, flags)


@st.composite
def runs(draw: st.DrawFn, watched: list[Watch]) -> Arrivals:
    """Most of the sequence of one watch from one source, and now and then a packet that does not belong."""
    watch, source = draw(st.sampled_from(watched)), draw(st.sampled_from(SOURCES))
    right = min(watch.target, default=OURS)
    fitting = watch.flags.must_set if watch.flags else SYN
    made: Arrivals = []
    for step in watch.steps[draw(st.sampled_from([0, 0, 0, 1])) :]:
        for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
            made.append((draw(gaps), packet_to(step, source, right, fitting)))
        if draw(st.integers(0, 4)) == 0:
            other = draw(st.one_of(ports, guards))
            destination = draw(st.sampled_from([right, OURS, ROUTED, ELSEWHERE]))
            flags = draw(st.sampled_from([fitting, SYN, ACK]))
            made.append((0.0, packet_to(other, source, destination, flags)))
    return made


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[Watch], Arrivals]:
    """Watches and packets at them."""
    watched = draw(st.lists(watches, min_size=1, max_size=4))
    return watched, [each for run in draw(st.lists(runs(watched), min_size=1, max_size=12)) for each in run]


@settings(max_examples=300, deadline=None)
@given(traces(), st.sampled_from([0.0, 0.25]))
def test_every_packet_means_what_the_matcher_makes_of_it(
    trace: tuple[list[Watch], Arrivals], slack: float
) -> None:
    """The verdicts on each packet stand for the matcher's events: openings, stages, guards and what ends.

    What the matcher says once of an ignored source it says of many packets.
    """
    watched, arrivals = trace
    matcher, now = Matcher(watched, slack=slack), 0.0
    explainers = {source: Explainer(watched, slack=slack) for source in SOURCES}
    for gap, packet in arrivals:
        now += gap
        verdicts = explainers[packet.source].explain(packet, LOCAL, now)
        events = [one for one in matcher.feed(packet, LOCAL, now) if not isinstance(one, Ignored)]
        assert events == implied_events(verdicts, explainers[packet.source], packet)
        opened = [verdict for verdict in verdicts if verdict.kind is Kind.OPENS]
        for verdict in {verdict.door: verdict for verdict in reversed(opened)}.values():
            for source, other in explainers.items():
                if source != packet.source:
                    other.use_up(verdict.watch)


@settings(max_examples=300, deadline=None)
@given(traces())
def test_what_is_remembered_is_what_the_matcher_remembers(trace: tuple[list[Watch], Arrivals]) -> None:
    """After any packets of a source alone its attempts, with their times, are the matcher's."""
    watched, arrivals = trace
    matcher, explainer, now = Matcher(watched), Explainer(watched), 0.0
    for gap, packet in arrivals:
        now += gap
        alone = packet._replace(source=SOURCES[0])
        matcher.feed(alone, LOCAL, now)
        explainer.explain(alone, LOCAL, now)
    kept = sorted((stage, since) for _, _, stage, since in matcher.export_attempts() if stage)
    assert kept == sorted(attempt for state in explainer.states for attempt in state.attempts)


@settings(max_examples=100, deadline=None)
@given(traces())
def test_a_packet_that_is_ignored_changes_nothing(trace: tuple[list[Watch], Arrivals]) -> None:
    """A packet with the wrong address or flags, or of an ignored source, leaves all as it is."""
    watched, arrivals = trace
    explainer, now = Explainer(watched), 0.0
    unheard = {Kind.ELSEWHERE, Kind.FLAGS, Kind.NOT_ADMITTED, Kind.USED_UP, Kind.IGNORED, Kind.COOLDOWN}
    for gap, packet in arrivals:
        now += gap
        before = [replace(state) for state in explainer.states]
        verdicts = explainer.explain(packet, LOCAL, now)
        if {verdict.kind for verdict in verdicts} <= unheard:
            assert before == explainer.states
