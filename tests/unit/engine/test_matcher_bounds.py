"""What bounds the matcher: tables and eviction, expiry by timer, sequences that change, told events."""

from __future__ import annotations

import pytest

from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import MAX_ADVANCED, SWEEP_PAUSE, Matcher
from tests.support.played import ALICE, BOB, CAROL, door, play, steps, told


def stranger(number: int) -> bytes:
    """One of many sources."""
    return bytes([10, *number.to_bytes(3, "big")])


def test_pending_counts_sources_and_doors() -> None:
    """One source at two doors is two entries; repeats and later steps add none."""
    matcher = Matcher([door("1 2 3"), door("4 5")])
    play(matcher, "1 1 2 4")
    assert matcher.pending == 2


@pytest.mark.parametrize("trace", ["1 2", "1 3"], ids=["opened", "spoiled"])
def test_nothing_is_left_of_an_ended_attempt(trace: str) -> None:
    """An attempt that opened or was spoiled takes no room."""
    matcher = Matcher([door("1 2")] if trace == "1 2" else [door("1 2 3")])
    play(matcher, trace)
    assert matcher.pending == 0


def test_first_stages_are_bounded() -> None:
    """However many sources send a first packet, no more than max_attempts are remembered."""
    matcher = Matcher([door("1 2")], max_attempts=100)
    most = 0
    for number in range(1_000):
        play(matcher, "1", stranger(number))
        most = max(most, matcher.pending)
    assert (most <= 100, matcher.pending + matcher.evicted) == (True, 1_000)


def test_the_oldest_are_forgotten() -> None:
    """Among the first stages the oldest go: the youngest quarter of max_attempts is always remembered."""
    matcher = Matcher([door("1 2")], max_attempts=100)
    for number in range(1_000):
        play(matcher, "1", stranger(number))
    remembered = [bool(play(matcher, "2", stranger(number))) for number in range(1_000)]
    assert (remembered[:900], remembered[975:]) == ([False] * 900, [True] * 25)


def test_a_flood_of_first_packets_leaves_advanced_attempts() -> None:
    """An attempt at stage 2 outlives any number of first packets of others."""
    matcher = Matcher([door("1 2 3")], max_attempts=100)
    play(matcher, "1 2")
    for number in range(1_000):
        play(matcher, "1", stranger(number))
    assert play(matcher, "3") == ["opened 3"]


def test_advanced_attempts_are_bounded() -> None:
    """Sources that know two steps are bounded too."""
    matcher = Matcher([door("1 2 3")])
    for number in range(MAX_ADVANCED * 2):
        play(matcher, "1 2", stranger(number))
    assert matcher.pending <= MAX_ADVANCED
    assert matcher.pending + matcher.evicted == 2 * MAX_ADVANCED


def test_nothing_to_expire() -> None:
    """Without attempts there is no time at which something has to be done."""
    matcher = Matcher([door("1")])
    play(matcher, "1 9")
    assert matcher.next_expiry() is None


def test_next_expiry() -> None:
    """The first attempt says when to call expire: when Seq_Timeout is over, slack included."""
    matcher = Matcher([door("1 2", seq_timeout=10.0)], slack=0.5)
    play(matcher, "1", now=100.0)
    assert matcher.next_expiry() == 110.5


def test_next_expiry_of_the_shortest_door() -> None:
    """The soonest deadline of all doors counts."""
    matcher = Matcher([door("1 2", seq_timeout=30.0), door("3 4", seq_timeout=5.0)])
    play(matcher, "1 3", now=100.0)
    assert matcher.next_expiry() == 105.0


@pytest.mark.parametrize("now", [0.0, 109.9, 110.0])
def test_nothing_expires_too_early(now: float) -> None:
    """Up to its deadline an attempt stays."""
    matcher = Matcher([door("1 2", seq_timeout=10.0)])
    play(matcher, "1", now=100.0)
    assert (matcher.expire(now), matcher.pending) == ([], 1)


def test_expire() -> None:
    """After its deadline an attempt ends without another packet; then nothing is pending."""
    matcher = Matcher([door("1 2", seq_timeout=10.0)])
    play(matcher, "1", now=100.0)
    assert (told(matcher.expire(110.1)), matcher.pending, matcher.next_expiry()) == (["expired 1"], 0, None)


def test_expire_leaves_the_young() -> None:
    """Only what is too old ends; the next call is for the rest, not before a short pause."""
    matcher = Matcher([door("1 2", seq_timeout=10.0)], max_attempts=1_000)
    play(matcher, "1", ALICE, now=100.0)
    play(matcher, "1", BOB, now=105.0)
    ended = [event.source for event in matcher.expire(111.0)]
    assert (ended, matcher.next_expiry()) == ([ALICE], 115.0 + SWEEP_PAUSE + 1 / 1_000)


def test_sweeps_of_a_full_table_are_far_apart() -> None:
    """With a full table a second passes between two sweeps: a flood cannot make them follow closely."""
    matcher = Matcher([door("1 2", seq_timeout=10.0)], max_attempts=100)
    for number in range(100):
        play(matcher, "1", stranger(number), now=100.0 + number / 100)
    matcher.expire(110.0)
    assert matcher.next_expiry() == 110.0 + SWEEP_PAUSE + 1.0


def test_expired_once() -> None:
    """A source with an old and an advanced attempt at one door is told once, with the foremost stage."""
    matcher = Matcher([door("1 2 1 3", seq_timeout=10.0)])
    play(matcher, "1 2 1", now=100.0)
    assert told(matcher.expire(120.0)) == ["expired 3"]


def test_expiry_of_the_foremost_attempt_only() -> None:
    """While a younger attempt of the same source lives, the end of an older one is not told."""
    matcher = Matcher([door("1 2 1 3", seq_timeout=10.0)])
    play(matcher, "1 2", now=100.0)
    play(matcher, "1", now=108.0)
    told_then = told(matcher.expire(112.0))
    assert (told_then, play(matcher, "2 1 3", now=113.0)) == ([], ["stage 2", "stage 3", "opened 4"])


def test_one_time_door_without_sequence() -> None:
    """A door without steps matches nothing."""
    assert play(Matcher([door(""), door("1 2")]), "1 2") == ["1: stage 1", "1: opened 2"]


def test_set_sequence() -> None:
    """With a new sequence the old ports mean nothing and the new ones open."""
    matcher = Matcher([door("1 2")])
    matcher.set_sequence(0, steps("3 4"))
    assert play(matcher, "1 2 3 4") == ["stage 1", "opened 2"]


def test_set_sequence_to_none() -> None:
    """Between two sequences the door matches nothing."""
    matcher = Matcher([door("1 2")])
    matcher.set_sequence(0, ())
    assert play(matcher, "1 2") == []


@pytest.mark.parametrize("trace", ["1", "1 2"], ids=["first stage", "advanced"])
def test_set_sequence_forgets_attempts(trace: str) -> None:
    """Half a knock at the old sequence is worth nothing at the new one, even at the same ports."""
    matcher = Matcher([door("1 2 3")])
    play(matcher, trace)
    matcher.set_sequence(0, steps("1 2 3"))
    assert (matcher.pending, play(matcher, "2 3")) == (0, [])


def test_set_sequence_leaves_other_doors() -> None:
    """Attempts at other doors go on."""
    matcher = Matcher([door("1 2"), door("1 3")])
    play(matcher, "1")
    matcher.set_sequence(0, steps("8 9"))
    assert play(matcher, "3") == ["1: opened 2"]


def test_set_sequence_keeps_guards() -> None:
    """Whom the door ignores it ignores with the new sequence too."""
    matcher = Matcher([door("1 2")])
    matcher.set_guards([steps("7")])
    play(matcher, "7")
    matcher.set_sequence(0, steps("3 4"))
    assert play(matcher, "3 4") == []


def test_strangers_are_held_back() -> None:
    """First stages cost tokens: beyond them nothing is told, but everything counts."""
    strangers = TokenBucket(burst=2)
    matcher = Matcher([door("1 2")], strangers=strangers)
    seen = [play(matcher, "1", source) for source in (ALICE, BOB, CAROL)]
    assert (seen, strangers.held, play(matcher, "2", CAROL)) == (
        [["stage 1"], ["stage 1"], []],
        1,
        ["opened 2"],
    )


def test_what_strangers_can_cause() -> None:
    """Spoiling, expiring and guards at stage 1 or below cost a stranger's token."""
    strangers = TokenBucket(burst=0)
    matcher = Matcher([door("1 2 3", seq_timeout=10.0)], strangers=strangers)
    matcher.set_guards([steps("7")])
    seen = play(matcher, "1 3 7", ALICE) + play(matcher, "1", BOB) + told(matcher.expire(200.0))
    assert (seen, strangers.held) == ([], 5)


def test_what_knockers_can_cause() -> None:
    """Stages from 2 on, and what ends attempts there, cost a knocker's token, not a stranger's."""
    strangers, knockers = TokenBucket(burst=10), TokenBucket(burst=0)
    matcher = Matcher([door("1 2 3 4", seq_timeout=10.0)], strangers=strangers, knockers=knockers)
    seen = play(matcher, "1 2 4", ALICE) + play(matcher, "1 2", BOB) + told(matcher.expire(200.0))
    assert (seen, knockers.held, strangers.tokens) == (["stage 1", "stage 1"], 4, 8)


def test_openings_are_never_held_back() -> None:
    """An opening is told without any token."""
    empty = TokenBucket(burst=0)
    matcher = Matcher([door("1 2"), door("9")], strangers=empty, knockers=empty)
    assert play(matcher, "1 2 9") == ["opened 2", "1: opened 1"]
