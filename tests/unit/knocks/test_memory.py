"""Attempts go along from one matcher to another, and nothing that is exported makes more than it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.knocks.events import Attempt, Event, Expired, Guarded, Ignored, Opened, Stage
from knockd.knocks.matcher import Matcher
from knockd.knocks.memory import Memory, most_exported
from knockd.knocks.watch import Watch
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from tests.support.doubles.played import ALICE, BOB, LOCAL, OURS, door, packet, watched

GUARDED = replace(watched(door("5 6", seq_timeout=10.0))[0], door=2, guards=(Step(9, Protocol.TCP),))
WATCHES = (*watched(door("1 2 3", seq_timeout=10.0), door("4 4 4")), GUARDED)


def feed(matcher: Matcher, words: str, now: float, source: bytes = ALICE) -> list[Event]:
    """The events of packets, but for those about ignored knocks."""
    events = [event for word in words.split() for event in matcher.feed(packet(word, source), LOCAL, now)]
    return [event for event in events if not isinstance(event, Ignored)]


def passed_on(matcher: Matcher, watches: Sequence[Watch] = WATCHES, now: float = 100.0) -> Matcher:
    """Another matcher with what the first one knows."""
    other = Matcher(watches)
    other.import_attempts(matcher.export_attempts(), now)
    return other


@given(st.lists(st.tuples(st.sampled_from("1234569"), st.sampled_from([ALICE, BOB])), max_size=12), st.data())
def test_as_if_nothing_had_happened(trace: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """Wherever the hand-over falls in a trace, each packet has the events that it had without one.

    But for lines about ignored knocks: why a source is ignored does not go along, so nothing is said of it.
    """
    cut = data.draw(st.integers(0, len(trace)))
    whole, first = Matcher(WATCHES), Matcher(WATCHES)
    expected = [feed(whole, word, 1.0 + at, source) for at, (word, source) in enumerate(trace)]
    found = [feed(first, word, 1.0 + at, source) for at, (word, source) in enumerate(trace[:cut])]
    second = passed_on(first)
    for at, (word, source) in enumerate(trace[cut:], cut):
        found.append(feed(second, word, 1.0 + at, source))
    assert found == expected
    assert second.expire(1_000.0) == whole.expire(1_000.0) or second.next_expiry() is not None


def test_expiry() -> None:
    """An attempt ends when it would have ended."""
    first = Matcher(WATCHES)
    feed(first, "1 2", 95.0)
    second = passed_on(first)
    assert second.next_expiry() == 105.0
    assert second.expire(105.5) == [Expired(0, ALICE, 2)]


def test_other_doors() -> None:
    """Attempts at a door that is another now, or has gone, are left out; the others stay."""
    first = Matcher(WATCHES)
    feed(first, "1 2 4 4", 99.0)
    changed = watched(door("4 4 4"), door("1 2 7", seq_timeout=10.0))
    second = passed_on(first, changed)
    assert feed(second, "3 4", 99.0) == [Opened(0, ALICE, OURS, 3)]


def test_a_used_sequence() -> None:
    """Nothing of a one-time sequence that was used goes along to the next one."""
    once = watched(door("1 2", one_time_file="/codes"))
    first = Matcher(once)
    feed(first, "1", 99.0, BOB)
    feed(first, "1 2", 99.0)
    assert [*first.export_attempts()] == []


def test_ignored_sources() -> None:
    """Whom a door ignores it goes on to ignore, until the time is over."""
    first = Matcher(WATCHES)
    assert feed(first, "9", 95.0) == [Guarded(2, ALICE, 0, 6 << 16 | 9)]
    second = passed_on(first)
    assert feed(second, "5 6", 104.0) == []
    assert feed(second, "5 6", 105.5) == [Stage(2, ALICE, 1), Opened(2, ALICE, OURS, 2)]


def test_nothing_is_said_of_ignored_sources() -> None:
    """Why a source is ignored does not go along: nothing is said of its knocks, rather than what is wrong."""
    doors = watched(door("1 2", seq_timeout=10.0, seq_cooldown=60.0), guards=["9"])
    first = Matcher(doors)
    feed(first, "1 2", 100.0)
    feed(first, "9", 100.0, BOB)
    second = passed_on(first, doors)
    assert [] == [*second.feed(packet("1"), LOCAL, 101.0), *second.feed(packet("1", BOB), LOCAL, 101.0)]


def test_guard_that_another_has_seen_touched() -> None:
    """It is not told which one that was: who is ignored since stays so, whatever guards are taken away."""
    doors = watched(door("1 2", seq_timeout=10.0), guards=["8 9"])
    first = Matcher(doors)
    feed(first, "9", 95.0)
    second = passed_on(first, doors)
    feed(second, "8", 101.0)
    second.set_watches(watched(door("1 2", seq_timeout=10.0)), 102.0)
    assert feed(second, "1 2", 103.0) == []


def test_cooldown() -> None:
    """A cooldown that is longer than Seq_Timeout goes along whole."""
    doors = watched(door("1 2", seq_timeout=10.0, seq_cooldown=60.0))
    first = Matcher(doors)
    feed(first, "1 2", 100.0)
    second = passed_on(first, doors)
    assert feed(second, "1 2", 159.0) == []
    assert feed(second, "1 2", 160.5) == [Stage(0, ALICE, 1), Opened(0, ALICE, OURS, 2)]


@pytest.mark.parametrize("stage", [3, 4, 32])
def test_a_forged_stage(stage: int) -> None:
    """An attempt at a stage that opens, or that there is not, is left out."""
    matcher, (watch, *_) = Matcher(WATCHES), WATCHES
    matcher.import_attempts([Attempt(hash(watch.attempts_at), ALICE, stage, 99.0)], 100.0)
    assert [*matcher.export_attempts()] == []


def test_a_forged_time() -> None:
    """An attempt of the future began now; nobody is ignored for longer than the door does."""
    matcher, (watch, *_) = Matcher(WATCHES), WATCHES
    forged = [
        Attempt(hash(watch.attempts_at), source, stage, 1e18) for source, stage in ((ALICE, 2), (BOB, 0))
    ]
    matcher.import_attempts(forged, 100.0)
    assert matcher.next_expiry() == 110.0
    assert feed(matcher, "1", 110.5, BOB) == [Stage(0, BOB, 1)]


def test_never_more_than_the_most() -> None:
    """However many are fed to it, a matcher exports no more than is said of it."""
    doors = watched(door("1 2", seq_timeout=10.0, seq_cooldown=60.0), guards=["9"])
    matcher = Matcher(doors, max_attempts=64)
    for number in range(200):
        for kind, words in enumerate(("1", "9", "1 2")):
            feed(matcher, words, 1.0, f"{number:03}{kind}".encode())
    assert 32 <= len([*matcher.export_attempts()]) <= most_exported(64)


def test_an_unknown_watch() -> None:
    """What belongs to no watch is left out."""
    matcher = Matcher(WATCHES)
    matcher.import_attempts([Attempt(7, ALICE, 1, 99.0)], 100.0)
    assert [*matcher.export_attempts()] == []


ROTATING = tuple(
    Watch(
        *(0, tuple(Step(10 * number + step, Protocol.TCP) for step in (1, 2, 3))),
        serial=number,
        opens=opens,
        guards=tuple(Step(port, Protocol.TCP) for port in guards),
        seq_timeout=10.0,
        ignore_time=120.0,
        key=1,
    )
    for number, opens, guards in ((1, True, (21, 22, 23, 9)), (2, True, (11, 12, 13, 9)), (3, False, ()))
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["11", "12", "13", "21", "22", "23", "31", "32", "33", "9"]),
            st.sampled_from([ALICE, BOB]),
        )
    ),
    st.data(),
)
def test_sequences_of_a_key(trace: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """Attempts and touches at several sequences of a door go along, each at its own.

    A sequence that has been used is used for the next matcher when its first view says so.
    """
    cut = data.draw(st.integers(0, len(trace)))
    whole, first = Matcher(ROTATING), Matcher(ROTATING)
    expected = [feed(whole, word, 1.0 + at, source) for at, (word, source) in enumerate(trace)]
    found = [feed(first, word, 1.0 + at, source) for at, (word, source) in enumerate(trace[:cut])]
    used = [event.serial for events in found for event in events if isinstance(event, Opened)]
    watches = [
        replace(watch, opens=watch.opens and watch.serial > max(used, default=0)) for watch in ROTATING
    ]
    second = Matcher(ROTATING)
    second.import_attempts(first.export_attempts(), 1.0 + cut)
    second.set_watches(watches, 1.0 + cut)
    found += [feed(second, word, 1.0 + cut + at, source) for at, (word, source) in enumerate(trace[cut:])]
    assert found == expected


@pytest.mark.parametrize(("left", "heard"), [(0.5, False), (0.0, True)])
def test_ignore_time(left: float, heard: bool) -> None:
    """Whom a guard has ignored for longer than Seq_Timeout stays ignored for just as long."""
    first = Matcher(ROTATING)
    feed(first, "9", 100.0)
    second = passed_on(first, ROTATING)
    assert heard is bool(feed(second, "11", 220.0 - left))


def test_forged_ignore_time() -> None:
    """Nobody is ignored for longer than the ignore time from now on, whatever is handed over."""
    matcher = Matcher(ROTATING)
    matcher.import_attempts([Attempt(hash(ROTATING[0].attempts_at), ALICE, 0, 1e18)], 100.0)
    assert feed(matcher, "11", 219.0) == [Guarded(0, ALICE, 0, 6 << 16 | 11)]  # at the other sequence
    assert feed(matcher, "11", 220.0) == [Stage(0, ALICE, 1)]


def test_cooldown_of_a_door_with_several_sequences() -> None:
    """The cooldown after an opening goes along for each of them."""
    watches = [replace(watch, seq_cooldown=300.0) for watch in ROTATING]
    first = Matcher(watches)
    feed(first, "11 12 13", 100.0)
    second = passed_on(first, watches)
    assert feed(second, "21 22 23", 399.0) == []
    assert feed(second, "21", 400.5) == [Stage(0, ALICE, 1)]


def test_attempt_at_a_sequence_that_opens_meanwhile() -> None:
    """An attempt that was begun before a sequence was live is none where it is."""
    first = Matcher(ROTATING)
    feed(first, "31 32", 100.0)
    second = passed_on(first, [*ROTATING[:2], replace(ROTATING[2], opens=True)])
    assert [*second.export_attempts()] == []


@pytest.mark.parametrize(("touched", "ignored"), [((1, 2), False), ((1, 9), True), ((0,), True)])
def test_forgiven(touched: tuple[int, ...], ignored: bool) -> None:
    """A source is forgiven when all that it has touched is of the ports; what nobody knows is not."""
    memory = Memory(8)
    for source in (ALICE, BOB):
        memory.ignored.put(source + b"\0\1", (100.0, touched, (), 100.0))
        memory.told.put(source + b"\0\1", 110.0)
    memory.forgive(ALICE, [b"\0\1", b"\0\2"], frozenset({1, 2, 3}))
    assert ignored is (memory.ignored.get(ALICE + b"\0\1") is not None)
    assert ignored is (memory.told.get(ALICE + b"\0\1") is not None)
    assert memory.ignored.get(BOB + b"\0\1") is not None
