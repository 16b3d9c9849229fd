"""Doors with a key in a capture: judged by the time of its packets, each sequence once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knockd.replay.outcome import Outcome
from knockd.replay.player import Seen
from knockd.replay.reasons import explain_source
from knockd.replay.rotating import RotatingWatches
from knockd.sequences.rotating_watches import KeySequences
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import UDP
from knockd_conf.model import Door
from knockd_conf.rotating import rule_of
from knockd_conf.timed import derive_ports
from tests.support.doubles.played import door
from tests.support.doubles.replays import (
    ALICE,
    BOB,
    HOME,
    KEYS,
    OURS,
    STAMP,
    asked,
    base_of,
    frame,
    keyed_knock,
    replayed,
    told,
)

SSH = door("7000 8000 9000", "ssh", start_command="open %IP%")
BEGIN = STAMP // 30_000_000 * 30 - STAMP / 1e6
"""The second at which the period of second 0 begins: a number that is not above 0."""


def play(*knocks: Sequence[Frame], doors: Sequence[Door] = (HOME,)) -> Outcome:
    """What comes of knocks, one after the other."""
    return replayed([one for frames in knocks for one in frames], *doors, keys=KEYS)


def events(outcome: Outcome) -> list[str]:
    """Openings and whole knocks that open nothing, in words."""
    return [
        f"{line.kind} {line.door} {line.key} {line.source} {line.text}".replace(f" {OURS}", "")
        for line in outcome.timeline.lines
        if line.kind in ("open", "stale")
    ]


@pytest.mark.parametrize("period", [-1, 0, 1])
def test_live_periods(period: int) -> None:
    """The sequence of the time of the capture opens, and those of the periods beside it."""
    outcome = play(keyed_knock(0, period=period))
    assert events(outcome) == [f"open home ann {ALICE}"]
    assert [line.text for line in outcome.timeline.lines if line.kind == "start"] == [f"open {ALICE}"]


@pytest.mark.parametrize(
    ("period", "expected"),
    [(-2, "55 s behind"), (-3, "85 s behind"), (2, "65 s ahead"), (3, "95 s ahead")],
)
def test_stale_periods(period: int, expected: str) -> None:
    """Two more periods on each side are recognised and open nothing; the report says how far off they are."""
    at = BEGIN + 9.7 + 30  # the last packet comes 10 seconds into a period
    outcome = play(keyed_knock(at, period=period + 1))
    assert events(outcome) == [f"stale home ann {ALICE} clock of the knocker is {expected}"]
    assert outcome.timeline.opened == 0
    ((_, row),) = outcome.sources.ranked()
    assert explain_source(row, outcome.doors, outcome.steps) == (
        f"knocked a whole sequence of a key: clock of the knocker is {expected}"
    )


def test_far_away() -> None:
    """A sequence of another hour is nothing: its ports are those of no door."""
    outcome = play(keyed_knock(0, period=120))
    assert (events(outcome), outcome.counts.passed) == ([], 0)


def test_watches_move_on() -> None:
    """In an hour with knocks now and then, each opens by the sequence of its own time."""
    periods = (0, 1, 2, 7, 50, 120)
    outcome = play(*(keyed_knock(BEGIN + 30 * period + 5, period=period) for period in periods))
    assert events(outcome) == [f"open home ann {ALICE}"] * len(periods)


def test_once() -> None:
    """A sequence opens once, for whomever; the next one opens again."""
    outcome = play(
        keyed_knock(BEGIN + 30),
        keyed_knock(BEGIN + 35, source=BOB),
        keyed_knock(BEGIN + 40, source="192.0.2.9"),
        keyed_knock(BEGIN + 45, period=1),
        keyed_knock(BEGIN + 50, period=1, source=BOB),
        keyed_knock(BEGIN + 65, period=2, source=BOB),
    )
    used = "sequence used already, the next sequence in"
    assert events(outcome) == [
        f"open home ann {ALICE}",
        f"stale home ann {BOB} {used} 0 s",
        f"stale home ann 192.0.2.9 {used} 0 s",
        f"open home ann {ALICE}",
        f"stale home ann {BOB} {used} 10 s",
        f"open home ann {BOB}",
    ]


def test_keys_are_used_for_themselves() -> None:
    """What one key has opened leaves the sequences of another as they are; keys are told by their names."""
    outcome = play(keyed_knock(0), keyed_knock(1, key="bob", source=BOB), keyed_knock(2, key="bob"))
    assert events(outcome)[:2] == [f"open home ann {ALICE}", f"open home bob {BOB}"]
    assert events(outcome)[2].startswith("stale home bob")


def test_other_doors() -> None:
    """Doors without a key open as ever beside one with a key, also across periods."""
    fixed = [frame(at, port) for at, port in ((25, 7000), (35, 8000), (45, 9000))]
    frames = sorted([*fixed, *keyed_knock(26, source=BOB, period=1)], key=lambda one: one.stamp)
    outcome = replayed(frames, SSH, HOME, keys=KEYS)
    assert events(outcome) == [f"open home ann {BOB}", f"open ssh  {ALICE}"]


def test_clock_that_goes_back() -> None:
    """When the capture's clock is set back doors with a key wait until it is where it was; others go on."""
    later = keyed_knock(100, period=3)
    back = [*keyed_knock(0, source=BOB), frame(10, 7000), frame(11, 8000), frame(12, 9000)]
    again = keyed_knock(110, period=3, key="bob")
    outcome = play(later, back, again, doors=(HOME, SSH))
    assert events(outcome) == [f"open home ann {ALICE}", f"open ssh  {ALICE}", f"open home bob {ALICE}"]


def test_addresses_of_knocks_with_a_key() -> None:
    """Where nobody says which addresses are the host's, knocks with a key count as others do."""
    frames = [*keyed_knock(0), frame(3, 22, to="10.0.0.9")]
    outcome = replayed(frames, HOME, keys=KEYS, local=None)
    assert [one.address[-1] for one in outcome.watched] == [1]
    assert events(outcome) == [f"open home ann {ALICE}"]


def test_without_keys() -> None:
    """A door whose keys are not known opens for nothing, and the number of its steps is that of its rule."""
    outcome = replayed(keyed_knock(0), HOME, keys={})
    assert (events(outcome), outcome.steps) == ([], (4,))


def test_observer_sees_what_passes() -> None:
    """Who looks on is told of frames as the filter of their own time lets them through."""
    seen: list[Seen] = []
    frames = [*keyed_knock(BEGIN + 3_000, period=100), *keyed_knock(BEGIN + 3_001)]
    replayed(frames, HOME, keys=KEYS, observe=seen.append)
    assert [one.passes for one in seen] == [True] * 4 + [False] * 4


def test_asked_once_a_period() -> None:
    """Keys are asked for at the first frame of each period only."""
    times: list[float] = []

    def ask(now: float) -> Sequence[KeySequences]:
        times.append(now - STAMP / 1e6)
        return asked(KEYS, HOME)(now)

    rotating = RotatingWatches(base_of(HOME), [HOME], ask)
    moved = [rotating.move_to(STAMP + round((BEGIN + at) * 1e6)) for at in (0, 1, 29.9, 30, 59, 95)]
    assert moved == [True, False, False, True, False, True]
    assert [round(one - BEGIN) for one in times] == [0, 30, 95]


def test_doors_of_several_periods() -> None:
    """Doors with other periods change at their own times."""
    slow = door("", "slow", sequence_key="/etc/slow.key", sequence_period=60)
    rotating = RotatingWatches(base_of(HOME, slow), [HOME, slow], asked(KEYS, HOME, slow))
    start = STAMP // 60_000_000 * 60_000_000
    rotating.move_to(start)
    before = [watch for watch in rotating.watches if watch.door == 1]
    assert rotating.move_to(start + 30_000_000)
    assert [watch.steps for watch in before] == [w.steps for w in rotating.watches if w.door == 1]
    assert rotating.move_to(start + 60_000_000)
    assert [watch.steps for watch in before] != [w.steps for w in rotating.watches if w.door == 1]


def test_current_watch() -> None:
    """The watch of now is found for doors with and without a key; there is none where keys are not known."""
    rotating = RotatingWatches(base_of(SSH, HOME), [SSH, HOME], asked(KEYS, SSH, HOME))
    assert rotating.find_current(1) is None
    rotating.move_to(STAMP)
    fixed, keyed = rotating.find_current(0), rotating.find_current(1)
    assert fixed is not None
    assert keyed is not None
    assert (fixed.steps, keyed.door, keyed.opens) == (SSH.steps, 1, True)
    assert [step.port for step in keyed.steps] in (
        [port.port for port in derive_ports(key, "home", STAMP // 30_000_000, rule_of(HOME)).steps]
        for key in KEYS.values()
    )


def test_no_key_no_question() -> None:
    """Without a door that has a key nothing is asked and nothing changes."""

    def ask(_now: float) -> Sequence[KeySequences]:
        raise AssertionError

    rotating = RotatingWatches(base_of(SSH), [SSH], ask)
    assert not rotating.move_to(STAMP)
    assert [watch.steps for watch in rotating.watches] == [SSH.steps]


def test_udp_steps() -> None:
    """Where the protocol is mixed, steps of both are in a sequence of a key."""
    kinds = {one.data[23] for period in range(5) for one in keyed_knock(0, period=period)}
    assert kinds == {6, UDP}


def test_as_text() -> None:
    """Each test above reads the lines that the report is made of."""
    assert told(play(keyed_knock(0)))[0] == f"0.3 open home {ALICE} {OURS}"
