"""What bounds the matcher: tables and eviction, expiry by timer, sequences that change, limits of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.knocks.matcher import SWEEP_PAUSE
from knockd.knocks.memory import MAX_ADVANCED
from knockd.token_bucket import TokenBucket
from tests.support.doubles.played import (
    ALICE,
    BOB,
    CAROL,
    door,
    evicted,
    in_words,
    matching,
    pending,
    play,
    watched,
)


def stranger(number: int) -> bytes:
    """One of many sources."""
    return bytes([10, *number.to_bytes(3, "big")])


def test_pending_counts_sources_and_doors() -> None:
    """One source at two doors is two entries; repeats and later steps add none."""
    matcher = matching(door("1 2 3"), door("4 5"))
    play(matcher, "1 1 2 4")
    assert pending(matcher) == 2


@pytest.mark.parametrize("trace", ["1 2", "1 3"], ids=["opened", "spoiled"])
def test_nothing_is_left_of_an_ended_attempt(trace: str) -> None:
    """An attempt that opened or was spoiled takes no room."""
    matcher = matching(door("1 2" if trace == "1 2" else "1 2 3"))
    play(matcher, trace)
    assert pending(matcher) == 0


def test_first_stages_are_bounded() -> None:
    """However many sources send a first packet, no more than max_attempts are remembered."""
    matcher = matching(door("1 2"), max_attempts=100)
    most = 0
    for number in range(1_000):
        play(matcher, "1", stranger(number))
        most = max(most, pending(matcher))
    assert (most <= 100, pending(matcher) + evicted(matcher)) == (True, 1_000)


def test_the_oldest_are_forgotten() -> None:
    """Among the first stages the oldest go: the youngest quarter of max_attempts is always remembered."""
    matcher = matching(door("1 2"), max_attempts=100)
    for number in range(1_000):
        play(matcher, "1", stranger(number))
    remembered = [bool(play(matcher, "2", stranger(number))) for number in range(1_000)]
    assert (remembered[:900], remembered[975:]) == ([False] * 900, [True] * 25)


def test_a_flood_of_first_packets_leaves_advanced_attempts() -> None:
    """An attempt at stage 2 outlives any number of first packets of others."""
    matcher = matching(door("1 2 3"), max_attempts=100)
    play(matcher, "1 2")
    for number in range(1_000):
        play(matcher, "1", stranger(number))
    assert play(matcher, "3") == ["opened 3"]


def test_advanced_attempts_are_bounded() -> None:
    """Sources that know two steps are bounded too."""
    matcher = matching(door("1 2 3"))
    for number in range(MAX_ADVANCED * 2):
        play(matcher, "1 2", stranger(number))
    assert pending(matcher) <= MAX_ADVANCED
    assert pending(matcher) + evicted(matcher) == 2 * MAX_ADVANCED


@pytest.mark.parametrize("known", ["1", "1 2"], ids=["first steps", "two steps"])
def test_a_flood_at_one_door_leaves_half_done_knocks_at_others(known: str) -> None:
    """Who knows steps of one door, or floods its first, pushes aside nobody at another door."""
    matcher = matching(door("1 2 3"), door("7 8 9"), door("4 5"), max_attempts=1_024)
    play(matcher, "7 4", ALICE)
    play(matcher, "7 8", BOB)
    for number in range(3 * MAX_ADVANCED):
        play(matcher, known, stranger(number))
    assert pending(matcher) <= MAX_ADVANCED + 1_024
    assert play(matcher, "8 9 5", ALICE) == ["1: stage 2", "1: opened 3", "2: opened 2"]
    assert play(matcher, "9", BOB) == ["1: opened 3"]


def test_a_flood_at_one_door_forgives_nobody_at_others() -> None:
    """Whom a door ignores it goes on to ignore while guards of another door are flooded."""
    matcher = matching(door("1 2"), door("7 8"), guards=["3", "9"], max_attempts=1_024)
    play(matcher, "9", ALICE)
    for number in range(5_000):
        play(matcher, "3", stranger(number))
    assert play(matcher, "7 8", ALICE) == ["1: ignored 25"]


def test_nothing_to_expire() -> None:
    """Without attempts there is no time at which something has to be done."""
    matcher = matching(door("1"))
    play(matcher, "1 9")
    assert matcher.next_expiry() is None


def test_next_expiry() -> None:
    """The first attempt says when to call expire: when Seq_Timeout is over, slack included."""
    matcher = matching(door("1 2", seq_timeout=10.0), slack=0.5)
    play(matcher, "1", now=100.0)
    assert matcher.next_expiry() == 110.5


def test_next_expiry_of_the_shortest_door() -> None:
    """The soonest deadline of all doors counts."""
    matcher = matching(door("1 2", seq_timeout=30.0), door("3 4", seq_timeout=5.0))
    play(matcher, "1 3", now=100.0)
    assert matcher.next_expiry() == 105.0


@pytest.mark.parametrize("trace", ["1", "1 2"], ids=["first stage", "advanced"])
@pytest.mark.parametrize("now", [0.0, 109.9, 110.0])
def test_nothing_expires_too_early(now: float, trace: str) -> None:
    """Up to its deadline an attempt stays."""
    matcher = matching(door("1 2 3", seq_timeout=10.0))
    play(matcher, trace, now=100.0)
    assert (matcher.expire(now), pending(matcher)) == ([], 1)


def test_expire() -> None:
    """After its deadline an attempt ends without another packet; then nothing is pending."""
    matcher = matching(door("1 2", seq_timeout=10.0))
    play(matcher, "1", now=100.0)
    assert (in_words(matcher.expire(110.1)), pending(matcher), matcher.next_expiry()) == (
        ["expired 1"],
        0,
        None,
    )


def test_expire_leaves_the_young() -> None:
    """Only what is too old ends; the next call is for the rest, not before a short pause."""
    matcher = matching(door("1 2", seq_timeout=10.0), max_attempts=1_000)
    play(matcher, "1", ALICE, now=100.0)
    play(matcher, "1", BOB, now=105.0)
    ended = [event.source for event in matcher.expire(111.0)]
    assert (ended, matcher.next_expiry()) == ([ALICE], 115.0 + SWEEP_PAUSE + 1 / 1_000)


def test_sweeps_of_a_full_table_are_far_apart() -> None:
    """With a full table a second passes between two sweeps: a flood cannot make them follow closely."""
    matcher = matching(door("1 2", seq_timeout=10.0), max_attempts=100)
    for number in range(100):
        play(matcher, "1", stranger(number), now=100.0 + number / 100)
    matcher.expire(110.0)
    assert matcher.next_expiry() == 110.0 + SWEEP_PAUSE + 1.0


def test_expired_once() -> None:
    """A source with an old and an advanced attempt at one door is reported once, with the foremost stage."""
    matcher = matching(door("1 2 1 3", seq_timeout=10.0))
    play(matcher, "1 2 1", now=100.0)
    assert in_words(matcher.expire(120.0)) == ["expired 3"]
    assert pending(matcher) == 0


def test_expiry_of_the_foremost_attempt_only() -> None:
    """While a younger attempt of the same source lives, the end of an older one is not reported."""
    matcher = matching(door("1 2 1 3", seq_timeout=10.0))
    play(matcher, "1 2", now=100.0)
    play(matcher, "1", now=108.0)
    ended = in_words(matcher.expire(112.0))
    assert (ended, play(matcher, "2 1 3", now=113.0)) == ([], ["stage 2", "stage 3", "opened 4"])


def test_one_time_door_without_sequence() -> None:
    """A door without steps matches nothing."""
    assert play(matching(door(""), door("1 2")), "1 2") == ["1: stage 1", "1: opened 2"]


def test_set_watches() -> None:
    """With a new sequence the old ports mean nothing and the new ones open."""
    matcher = matching(door("1 2"))
    matcher.set_watches(watched(door("3 4")), 100.0)
    assert play(matcher, "1 2 3 4") == ["stage 1", "opened 2"]


def test_set_watches_to_none() -> None:
    """Between two sequences the door matches nothing."""
    matcher = matching(door("1 2"))
    matcher.set_watches(watched(door("")), 100.0)
    assert play(matcher, "1 2") == []


@pytest.mark.parametrize("trace", ["1", "1 2"], ids=["first stage", "advanced"])
def test_set_watches_forgets_attempts(trace: str) -> None:
    """Half a knock at the old sequence is worth nothing at the new one, even at the same ports."""
    matcher = matching(door("1 2 3"))
    play(matcher, trace)
    matcher.set_watches([replace(*watched(door("1 2 3")), serial=1)], 100.0)
    assert (pending(matcher), play(matcher, "2 3")) == (0, [])


def test_set_watches_leaves_other_doors() -> None:
    """Attempts at other doors go on."""
    matcher = matching(door("1 2"), door("1 3"))
    play(matcher, "1")
    matcher.set_watches(watched(door("8 9"), door("1 3")), 100.0)
    assert play(matcher, "3") == ["1: opened 2"]


def test_set_watches_keeps_guards() -> None:
    """Whom the door ignores it ignores with the new sequence too."""
    matcher = matching(door("1 2"), guards=["7"])
    play(matcher, "7")
    matcher.set_watches(watched(door("3 4")), 100.0)
    assert play(matcher, "3 4") == ["ignored 25"]


def test_strangers_are_held_back() -> None:
    """First stages cost tokens: beyond them nothing is reported, but everything counts."""
    strangers = TokenBucket(burst=2)
    matcher = matching(door("1 2"), strangers=strangers)
    seen = [play(matcher, "1", source) for source in (ALICE, BOB, CAROL)]
    assert (seen, strangers.held, play(matcher, "2", CAROL)) == (
        [["stage 1"], ["stage 1"], []],
        1,
        ["opened 2"],
    )


def test_what_strangers_can_cause() -> None:
    """Spoiling, expiring and guards at stage 1 or below cost a stranger's token."""
    strangers = TokenBucket(burst=0)
    matcher = matching(door("1 2 3", seq_timeout=10.0), guards=["7"], strangers=strangers)
    seen = play(matcher, "1 3 7", ALICE) + play(matcher, "1", BOB) + in_words(matcher.expire(200.0))
    assert (seen, strangers.held) == ([], 5)


def test_what_knockers_can_cause() -> None:
    """Stages from 2 on, and what ends attempts there, cost a knocker's token, not a stranger's."""
    strangers, knockers = TokenBucket(burst=10), TokenBucket(burst=0)
    matcher = matching(door("1 2 3 4", seq_timeout=10.0), strangers=strangers, knockers=knockers)
    seen = play(matcher, "1 2 4", ALICE) + play(matcher, "1 2", BOB) + in_words(matcher.expire(200.0))
    assert (seen, knockers.held, strangers.tokens) == (["stage 1", "stage 1"], 4, 8)


def test_openings_are_never_held_back() -> None:
    """An opening is reported without any token."""
    empty = TokenBucket(burst=0)
    matcher = matching(door("1 2"), door("9"), strangers=empty, knockers=empty)
    assert play(matcher, "1 2 9") == ["opened 2", "1: opened 1"]
