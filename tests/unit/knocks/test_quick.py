"""Quick knocks: an address that somebody touches guards for, on and on, still opens; a scan does not."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from knockd.knocks.events import Opened
from knockd.knocks.matcher import Matcher
from knockd.knocks.quick import begin_quickly
from knockd.knocks.touches import STILL
from knockd_bpf.wire import TCP
from tests.support.doubles.played import ALICE, LOCAL, OURS, SYN, door, matching, play, watched
from tests.support.oracles.matching_rules import guarded, neighbours

STEPS = (31954, 20677, 48012)
BESIDE = [step + far for step in STEPS for far in (-4, -3, -2, -1, 1, 2, 3, 4)]
OWNERS = door(" ".join(map(str, STEPS)), seq_timeout=25.0)
SPREAD = "13 14"
"""Guards between the steps 1 and 20 that scans of every port to every fourth touch."""

Sent = Iterable[tuple[float, int]]


def automatic(*doors: str) -> Matcher:
    """A matcher of doors with Guard_Ports = auto."""
    made = [door(steps, seq_timeout=25.0) for steps in doors]
    return Matcher(guarded(made, neighbours(made)))


def openings(matcher: Matcher, sent: Sent) -> int:
    """How often packets, each at its time to its port, open a door."""
    return sum(
        isinstance(event, Opened)
        for at, port in sent
        for event in matcher.feed((ALICE, OURS, TCP, port, SYN), LOCAL, at)
    )


def forged(rate: float, seconds: int, ports: Sequence[int]) -> list[tuple[float, int]]:
    """Packets in the owner's name to random ports, from second 100 on."""
    choose = random.Random(5)
    return [(100.0 + at / rate, choose.choice(ports)) for at in range(round(rate * seconds))]


def knocks(gap: float, count: int) -> list[tuple[float, int]]:
    """Knocks of the owner, seven seconds after each other, ``gap`` seconds between their packets."""
    return [(140.001 + 7 * n + gap * at, step) for n in range(count) for at, step in enumerate(STEPS)]


@pytest.mark.parametrize(("rate", "gap", "least"), [(100, 0.01, 16), (1000, 0.0005, 16), (1000, 0.01, 14)])
def test_forged_packets_to_random_ports(rate: float, gap: float, least: int) -> None:
    """Of 20 knocks of an owner, sent between thousands of packets in his name, most open."""
    interesting = {*STEPS, *BESIDE}
    sent = [one for one in forged(rate, 190, range(1, 65_536)) if one[1] in interesting]
    assert openings(automatic("31954 20677 48012"), sorted([*sent, *knocks(gap, 20)])) >= least


@pytest.mark.parametrize("every", [20.0, 60.0, 200.0])
def test_forged_packets_to_a_guard(every: float) -> None:
    """Who knows a guard and sends one packet to it now and then keeps the owner out once, for Seq_Timeout."""
    matcher = automatic("31954 20677 48012")
    sent = [(100.0 + every * n, BESIDE[0]) for n in range(20)]
    heard = [(at + 5.0, step) for at, _ in sent for step in STEPS]
    assert openings(matcher, sorted([*sent, *heard], key=lambda one: one[0])) == 19


def test_first_touch() -> None:
    """After the first guard a source is ignored for Seq_Timeout, however quick it is."""
    matcher = matching(door("1 20", seq_timeout=25.0), guards=[SPREAD])
    assert play(matcher, "13", now=100.0) == ["guarded 0"]
    assert play(matcher, "1 20", now=124.5) == ["ignored 1"]


def still_ignored(sequence: str = "1 20", guards: str = SPREAD, *, seq_cooldown: float = 0.0) -> Matcher:
    """A matcher whose door has ignored ALICE for longer than Seq_Timeout; she last touched a guard at 120."""
    matcher = matching(door(sequence, seq_timeout=25.0, seq_cooldown=seq_cooldown), guards=[guards])
    play(matcher, guards, now=100.0)
    play(matcher, guards, now=120.0)
    return matcher


def test_opens() -> None:
    """From then on a knock opens, once: what is sent again does not."""
    matcher = still_ignored()
    assert play(matcher, "1 20 20", now=130.0) == ["ignored 15", "opened 2"]
    assert play(matcher, "20", now=130.0) == []
    assert play(matcher, "1 20", now=131.0) == ["opened 2"]


@pytest.mark.parametrize(
    ("first", "last", "opens"),
    [(130.0, 130.5, True), (130.0, 130.51, False), (120.125, 120.125, False), (125.1, 125.1, True)],
    ids=["a twentieth", "longer", "Seq_Timeout is not over", "it is"],
)
def test_length(first: float, last: float, opens: bool) -> None:
    """The knock takes a twentieth at most of the time without a guard before it."""
    matcher = still_ignored()
    play(matcher, "1", now=first)
    assert (play(matcher, "20", now=last) == ["opened 2"]) is opens


def test_pause() -> None:
    """A knock that comes at once behind a guard opens nothing: one of a scan does."""
    matcher = still_ignored()
    play(matcher, "13", now=130.0)
    assert "opened 2" not in play(matcher, "1 20", now=130.0)
    assert "opened 2" not in play(matcher, "1 20", now=130.09)
    assert "opened 2" in play(matcher, "1 20", now=130.11)


@pytest.mark.parametrize("trace", ["1 13 20", "1 21 20", "20 1", "1 3 20"], ids=str)
def test_what_ends_it(trace: str) -> None:
    """A guard between its steps, and a step that is not due, end a quick knock as any other."""
    sequence = "1 20" if "3" not in trace.split() else "1 2 3 20"
    matcher = still_ignored(sequence, guards=f"{SPREAD} 21")
    assert "opened" not in " ".join(play(matcher, trace, now=131.0))


def test_cooldown() -> None:
    """Whom a door ignores for an opening is not heard, quick or not."""
    matcher = still_ignored(seq_cooldown=60.0)
    assert "opened 2" in play(matcher, "1 20", now=130.0)
    play(matcher, "13", now=140.0)
    assert play(matcher, "1 20", now=150.0) == ["ignored 40"]


def test_long_ago() -> None:
    """Ten ignore times after the last guard the next one counts as the first."""
    matcher = still_ignored()
    later = 120.0 + STILL * 25.0
    play(matcher, "13", now=later)
    assert "opened 2" not in play(matcher, "1 20", now=later + 24.0)


def test_another_sequence() -> None:
    """When the door has another sequence nothing of a quick knock goes on with it."""
    matcher = still_ignored("1 2 20")
    play(matcher, "1 2", now=130.0)
    matcher.set_watches(watched(door("4 5 20", seq_timeout=25.0), guards=[SPREAD]), 130.0)
    assert play(matcher, "20", now=130.0) == []


def test_end_of_another_knock() -> None:
    """A packet that opens another door begins no quick knock."""
    matcher = matching(door("30 1", seq_timeout=25.0), door("1 20", seq_timeout=25.0), guards=["", SPREAD])
    play(matcher, "13", now=100.0)
    play(matcher, "13", now=120.0)
    assert play(matcher, "30 1 20", now=130.0) == ["stage 1", "opened 2", "1: ignored 15"]


def test_door_with_one_step() -> None:
    """A single step is no quick knock: any scan has it."""
    matcher = matching(door("10", seq_timeout=25.0), guards=["7 13 14"])
    play(matcher, "7", now=100.0)
    play(matcher, "7", now=120.0)
    assert play(matcher, "10", now=130.0) == ["ignored 15"]


def test_several_sequences() -> None:
    """At a door with several live sequences it is as at others, and the opening is all that is said."""
    watches = [
        replace(watch, door=0, serial=number, key=1, ignore_time=120.0)
        for number, watch in enumerate(
            watched(
                door("1 20", seq_timeout=5.0), door("2 30", seq_timeout=5.0), guards=[SPREAD, "13 14 1 20"]
            ),
            1,
        )
    ]
    matcher = Matcher(watches)
    play(matcher, "13", now=100.0)
    assert play(matcher, "1 20", now=104.0) == ["ignored 116"]
    assert play(matcher, "1 20", now=105.0) == ["opened 2"]
    assert play(matcher, "1 20", now=106.0) == []


def test_attempts() -> None:
    """Of two at the first stage the younger one stays."""
    assert begin_quickly(((2, 7.0), (1, 8.0)), 9.0) == ((2, 7.0), (1, 9.0))
    assert begin_quickly(None, 9.0) == ((1, 9.0),)


SCANNED = [
    "7000 8000 9000",
    "9000 8000 7000",
    "7000 7001 7002",
    "7002 7001 7000",
    "7000 7002 7004",
    "7000 7008",
]


@pytest.mark.parametrize("sequence", SCANNED)
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("pace", "rest"), [(0.0001, 0.0), (0.0001, 2.0), (0.05, 0.0), (3.0, 0.0), (3.0, 20.0)]
)
def test_scans_in_order_again_and_again(sequence: str, stride: int, pace: float, rest: float) -> None:
    """One source that scans without end, at any pace, with a rest before any port, opens nothing."""
    matcher, now = automatic(sequence), 100.0
    near = sorted({int(step) + far for step in sequence.split() for far in range(-8, 9)})
    first, *others = map(int, sequence.split())
    order = 1 if first < others[0] else -1
    ports = [port for port in near[::order] if (port - first) % stride == 0]
    assert len(ports) < 60
    for place in range(len(ports)):
        sent = []
        for at, port in enumerate(ports):
            now += pace + (rest if at == place else 0.0)
            sent.append((now, port))
        assert openings(matcher, sent) == 0


def test_scans_in_random_order_again_and_again() -> None:
    """One source that scans without end opens no more often than one that takes a new address for each."""
    choose, opened, now = random.Random(2), 0, 100.0
    matcher, ports = automatic("7000 9000"), [step + far for step in (7000, 9000) for far in range(-4, 5)]
    for _ in range(20_000):
        now += 12.0
        sent = sorted((now + 10 * choose.random(), port) for port in ports)
        opened += openings(matcher, sent)
    assert opened <= 20_000 / 306 + 4 * (20_000 / 306) ** 0.5
