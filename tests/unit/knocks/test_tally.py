"""What is told of attempts when somebody asks."""

from __future__ import annotations

import pytest

from knockd.knocks.events import Underway
from knockd.knocks.matcher import Matcher
from knockd.knocks.tally import MOST_LOOKED_AT, Tally
from knockd.token_bucket import TokenBucket
from tests.support.doubles.played import ALICE, BOB, CAROL, LOCAL, door, matching, packet, play


def source(number: int) -> bytes:
    """An address."""
    return b"\x0a\1" + number.to_bytes(2, "big")


def filled(attempts: int) -> Matcher:
    """A matcher with so many attempts at stage 1, a second apart."""
    matcher = matching(door("1 2 3", seq_timeout=1e6))
    for number in range(attempts):
        matcher.feed(packet("1", source(number)), LOCAL, float(number))
    return matcher


@pytest.mark.parametrize(
    ("trace", "tally"),
    [
        ("1", Tally(begun=1)),
        ("1 1", Tally(begun=1)),
        ("1 2 3", Tally(begun=1)),
        ("1 3", Tally(begun=1, spoiled=1)),
        ("9 9", Tally(guarded=1)),
        ("1 9 1", Tally(begun=1, guarded=1, ignored=1)),
    ],
)
def test_counts(trace: str, tally: Tally) -> None:
    """Each event counts once, a retransmission is none."""
    matcher = matching(door("1 2 3"), guards=["9"])
    play(matcher, trace)
    assert matcher.tally == tally


def test_counts_expired() -> None:
    """Attempts that are over count, whoever finds that."""
    matcher = matching(door("1 2 3", seq_timeout=5))
    play(matcher, "1", ALICE)
    play(matcher, "1", BOB)
    play(matcher, "2", BOB, now=110.0)
    matcher.expire(120.0)
    assert matcher.tally == Tally(begun=2, expired=2)


def test_counts_what_is_held_back() -> None:
    """A limit on what is said is none on what is counted."""
    matcher = matching(door("1 2 3"), guards=["9"], strangers=TokenBucket(burst=0))
    assert play(matcher, "1 9") == []
    assert matcher.tally == Tally(begun=1, guarded=1)


def test_foremost() -> None:
    """Whoever is further comes first, then who came later."""
    matcher = matching(door("1 2 3", seq_timeout=10))
    play(matcher, "1 2", ALICE, now=100.0)
    play(matcher, "1", BOB, now=101.0)
    play(matcher, "1", CAROL, now=102.0)
    assert matcher.count_attempts() == 3
    assert matcher.find_attempts(102.5, 20) == [
        Underway(0, ALICE, 2, 8),
        Underway(0, CAROL, 1, 10),
        Underway(0, BOB, 1, 9),
    ]


def test_over() -> None:
    """An attempt that is over is not under way, though nobody has swept it yet."""
    matcher = matching(door("1 2 3", seq_timeout=10))
    play(matcher, "1 2", ALICE, now=100.0)
    play(matcher, "1", BOB, now=100.0)
    assert matcher.find_attempts(111.0, 20) == []


def test_once() -> None:
    """Who knocks anew beside an attempt is named once at a door."""
    matcher = matching(door("1 1 2", seq_timeout=10))
    play(matcher, "1 1", ALICE)
    assert matcher.find_attempts(100.0, 20) == [Underway(0, ALICE, 2, 10)]


def test_most() -> None:
    """So many are named as are asked for, the youngest."""
    found = filled(40).find_attempts(40.0, 20)
    assert [one.source for one in found] == [source(number) for number in range(39, 19, -1)]


def test_only_the_youngest_are_looked_at() -> None:
    """A full table is not searched for the foremost."""
    matcher = filled(1)
    matcher.feed(packet("2", source(0)), LOCAL, 1.0)
    for number in range(1, 1 + MOST_LOOKED_AT):
        matcher.feed(packet("1", source(number)), LOCAL, float(number))
        matcher.feed(packet("2", source(number)), LOCAL, float(number))
    assert source(0) not in [one.source for one in matcher.find_attempts(300.0, 1_000)]
