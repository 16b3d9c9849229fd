"""Knocks that a door ignores: it is said once why, and for how long yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.knocks.events import Ignored, Stale
from knockd.knocks.matcher import Matcher
from knockd.knocks.watch import watches_of
from knockd.token_bucket import TokenBucket
from tests.support.doubles.played import ALICE, BOB, LOCAL, door, matching, packet, play, watched

DOOR = door("1 2", seq_timeout=10.0, seq_cooldown=30.0)
OPEN = ["stage 1", "opened 2"]


def test_after_a_guard_port() -> None:
    """The first step that follows says so, with the seconds left, rounded up."""
    matcher = matching(DOOR, guards=["7"])
    play(matcher, "7", now=100.0)
    assert matcher.feed(packet("1"), LOCAL, 103.5) == [Ignored(0, ALICE, opened=False, left=7)]


@pytest.mark.parametrize(("now", "left"), [(100.0, 10), (109.5, 1), (110.25, 1)])
def test_slack(now: float, left: int) -> None:
    """The slack is no part of the seconds, as little as of those of the line about the guard."""
    matcher = matching(DOOR, guards=["7"], slack=0.5)
    play(matcher, "7", now=100.0)
    assert [f"ignored {left}"] == play(matcher, "1", now=now)


@pytest.mark.parametrize("now", [100_000.1 + place * 1.7 for place in range(20)])
def test_no_second_of_rounding(now: float) -> None:
    """A knock at the moment of the guard port is ignored for Seq_Timeout, not for a second more."""
    matcher = matching(DOOR, guards=["7"], slack=0.02)
    play(matcher, "7", now=now)
    assert play(matcher, "1", now=now) == ["ignored 10"]


def test_after_an_opening() -> None:
    """The first step within Seq_Cooldown says so."""
    matcher = matching(DOOR)
    play(matcher, "1 2", now=100.0)
    assert matcher.feed(packet("1"), LOCAL, 103.5) == [Ignored(0, ALICE, opened=True, left=27)]


@pytest.mark.parametrize("before", ["7", "1 2"], ids=["guard", "opening"])
def test_once(before: str) -> None:
    """Another knock, or the first step retransmitted, says nothing more."""
    matcher = matching(DOOR, guards=["7"])
    play(matcher, before)
    assert ["ignored"] == [word.split()[0] for word in play(matcher, "1 2 1 1 2")]


@pytest.mark.parametrize("before", ["7", "1 2"], ids=["guard", "opening"])
def test_other_packets(before: str) -> None:
    """A later step begins no knock, and the one that opened may be retransmitted: nothing is said."""
    matcher = matching(DOOR, guards=["7"])
    play(matcher, before)
    assert [] == play(matcher, "2 2 2")


@pytest.mark.parametrize(("sequence", "knock"), [("1", "1"), ("1 2 1", "1 2 1"), ("1 1", "1 1")])
def test_first_step_that_is_the_last_one(sequence: str, knock: str) -> None:
    """It may be the packet that opened, retransmitted: nothing is said of an opening."""
    matcher = matching(door(sequence, seq_cooldown=30.0))
    play(matcher, knock)
    assert [] == play(matcher, "1")


def test_one_step_after_a_guard_port() -> None:
    """Of a touched guard it is said at a door with one step, too."""
    matcher = matching(door("1", seq_timeout=10.0), guards=["7"])
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1 1")


def test_each_time_once() -> None:
    """What was said holds until its seconds are over; then it is said of the next time."""
    matcher = matching(DOOR, guards=["7"])
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1", now=100.0)
    assert [] == play(matcher, "7 1", now=109.0)
    assert ["ignored 9"] == play(matcher, "1", now=110.0)
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1", now=120.0)


def test_the_longer_reason() -> None:
    """Of a cooldown and a guard time the one is named that ends last."""
    matcher = matching(DOOR, guards=["7"])
    play(matcher, "1 2", now=100.0)
    assert ["ignored 29"] == play(matcher, "7 1", now=101.0)
    play(matcher, "1 2", BOB, now=100.0)
    play(matcher, "7", BOB, now=125.0)
    assert matcher.feed(packet("1", BOB), LOCAL, 126.0) == [Ignored(0, BOB, opened=False, left=9)]


def test_each_source_and_door() -> None:
    """Others hear of it for themselves."""
    matcher = matching(DOOR, door("1 3"), guards=["7", "7"])
    for source in (ALICE, BOB):
        play(matcher, "7", source)
    assert ["ignored 10", "1: ignored 25"] == play(matcher, "1 1")
    assert ["ignored 10", "1: ignored 25"] == play(matcher, "1 1", BOB)


def test_guard_that_is_none_any_more() -> None:
    """With the guard goes what was said of it: another touch is another time."""
    matcher = matching(DOOR, guards=["7 8"])
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1")
    matcher.set_watches(watched(DOOR, guards=["8"]), 100.0)
    assert ["stage 1", "guarded 1", "ignored 10"] == play(matcher, "1 8 1")


def test_door_that_comes_back() -> None:
    """With a door goes what was said of it."""
    matcher = matching(DOOR, guards=["7"])
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1")
    matcher.set_watches([], 100.0)
    matcher.set_watches(watched(DOOR, guards=["7"]), 100.0)
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1")


def test_limit() -> None:
    """A line costs a token of the limit for strangers; where there is none it is said as soon as there is."""
    bucket = TokenBucket(burst=2, rate=1.0)
    matcher = matching(DOOR, guards=["7"], strangers=bucket)
    assert ["guarded 0", "guarded 0"] == play(matcher, "7") + play(matcher, "7", BOB)
    bucket.refill(100.0)
    assert [] == play(matcher, "1 1 1")
    bucket.refill(101.0)
    assert ["ignored 9"] == play(matcher, "1 1 1", now=101.0)
    assert (0, 0.0) == (bucket.held, bucket.tokens)


def test_bounded() -> None:
    """A flood of sources that touch a guard and knock makes no table grow beyond its bound."""
    matcher = matching(DOOR, guards=["7"])
    for number in range(10_000):
        play(matcher, "7 1", number.to_bytes(4, "big"))
    assert len(matcher._memory.told) <= 4_096


def test_first_knock_with_a_sequence_that_opens_nothing() -> None:
    """It is said while others are held back, each sequence once: the keeper has to know that it was heard."""
    used, ahead = (
        replace(watches_of([door(text)])[0], opens=False, serial=serial, key=1)
        for serial, text in enumerate(("1 2", "3 4"), 1)
    )
    matcher = Matcher([used, ahead], knockers=TokenBucket(burst=2))
    found = [matcher.feed(packet(word), LOCAL, 100.0) for word in ("1 2 " * 9 + "3 4 " * 9).split()]
    said = [event.serial for events in found for event in events if isinstance(event, Stale)]
    assert said.count(1) <= 3
    assert said.count(2) == 1
