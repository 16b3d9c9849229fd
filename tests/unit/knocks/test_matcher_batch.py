"""Batches: strangers are added at once while lines are held back; the outcome is that of single packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from knockd.knocks.batch import LEAST, Batch, grouped
from knockd.knocks.matcher import Matcher
from knockd.token_bucket import TokenBucket
from knockd_conf.model import FlagRule
from tests.support.doubles.played import (
    ALICE,
    BOB,
    LOCAL,
    SYN,
    door,
    in_words,
    matching,
    packet,
    pending,
    play,
)

MANY = 2 * LEAST


def stranger(number: int) -> bytes:
    """One of many sources."""
    return bytes([10, 9, 8, number])


def played(matcher: Matcher, sent: Iterable[tuple[str, bytes]], now: float = 100.0) -> list[str]:
    """Plays a batch of packets (words of ``packet``, and sources) a second apart; its events in words."""
    packets = [tuple(packet(word, source)) for word, source in sent]
    batch = Batch(len(packets), grouped(enumerate(packets)))  # type: ignore[arg-type]
    arrivals = [now + place for place in range(len(packets))]
    return in_words([event for _, event in matcher.feed_batch(batch, LOCAL, arrivals)])


def flood(port: str, start: int = 0, count: int = MANY) -> list[tuple[str, bytes]]:
    """Packets of strangers to one port."""
    return [(port, stranger(number)) for number in range(start, start + count)]


def silent(tokens: int = 0) -> TokenBucket:
    """A limit that lets so many lines through."""
    return TokenBucket(burst=tokens, rate=0.0)


def test_strangers_are_remembered() -> None:
    """Each begins an attempt at the time of its own packet, and is counted as held back."""
    bucket = silent()
    matcher = matching(door("1 2", seq_timeout=30.0), strangers=bucket)
    assert played(matcher, flood("1")) == []
    assert (pending(matcher), bucket.held) == (MANY, MANY)
    assert matcher.next_expiry() == 130.0
    assert play(matcher, "2", stranger(0), now=130.5) == []
    assert play(matcher, "2", stranger(1), now=131.0) == ["opened 2"]


def test_guards_are_remembered() -> None:
    """A stranger that touches a guard is ignored from then on, and no attempt waits for its end."""
    bucket = silent()
    matcher = matching(door("1 2", seq_timeout=30.0), guards=["7"], strangers=bucket)
    assert played(matcher, flood("7")) == []
    assert (pending(matcher), bucket.held, matcher.next_expiry()) == (0, MANY, None)
    assert play(matcher, "1 2", stranger(3), now=132.9) == []
    assert play(matcher, "1 2", stranger(3), now=133.0) == ["opened 2"]


@pytest.mark.parametrize("other", [{"flags": 0x10}, {"destination": bytes(4)}], ids=["flags", "address"])
def test_packets_that_concern_nobody(other: dict[str, Any]) -> None:
    """A flood with other flags, or to another address, leaves nothing."""
    bucket = silent()
    matcher = matching(door("1 2", flags=FlagRule(SYN, 0)), strangers=bucket)
    packets = [tuple(packet("1", stranger(number), **other)) for number in range(MANY)]
    batch = Batch(MANY, grouped(enumerate(packets)))  # type: ignore[arg-type]
    assert list(matcher.feed_batch(batch, LOCAL, [1.0] * MANY)) == []
    assert (pending(matcher), bucket.held) == (0, 0)


@pytest.mark.parametrize("tokens", [1, 3])
def test_lines_that_are_due(tokens: int) -> None:
    """The first strangers cause as many lines as the limit allows, the others none."""
    bucket = silent(tokens)
    matcher = matching(door("1 2"), strangers=bucket)
    assert played(matcher, flood("1")) == ["stage 1"] * tokens
    assert (pending(matcher), bucket.held) == (MANY, MANY - tokens)


def test_a_knock_in_a_flood() -> None:
    """Who knocks within a batch of strangers opens the door."""
    matcher = matching(door("1 2 3", seq_timeout=60.0), strangers=silent())
    sent = flood("1")
    for place, word in ((3, "1"), (9, "2"), (MANY, "3")):
        sent.insert(place, (word, ALICE))
    assert played(matcher, sent) == ["stage 2", "opened 3"]
    assert pending(matcher) == MANY


def test_a_generation_begins_within_a_batch() -> None:
    """The oldest are forgotten as if the packets came one by one."""
    matchers = [matching(door("1 2"), max_attempts=96, strangers=silent()) for _ in range(2)]
    for start in range(0, 5 * MANY, MANY):
        played(matchers[0], flood("1", start))
        for number in range(start, start + MANY):
            play(matchers[1], "1", stranger(number))
    one, two = (list(dict(matcher._memory.first.items())) for matcher in matchers)
    assert sorted(one) == sorted(two)
    assert matchers[0]._memory.first.evicted == matchers[1]._memory.first.evicted > 0


def test_a_used_sequence_in_a_flood() -> None:
    """Once a one-time sequence has been used, the strangers that follow mean nothing."""
    bucket = silent()
    matcher = matching(door("1 2", one_time_file="/codes"), guards=["7"], strangers=bucket)
    sent = [*flood("7", 0, LEAST), ("1", ALICE), ("2", ALICE), *flood("7", 100, LEAST)]
    assert played(matcher, sent) == ["opened 2"]
    assert bucket.held == LEAST + 1
    assert len(matcher._memory.ignored) == LEAST


def test_a_small_batch() -> None:
    """A few packets are judged one by one."""
    matcher = matching(door("1 2"), strangers=silent())
    assert played(matcher, [("1", ALICE), ("1", BOB), ("2", BOB)]) == ["opened 2"]


def test_a_batch_without_packets() -> None:
    """Nothing comes of nothing."""
    matcher = matching(door("1"))
    assert list(matcher.feed_batch(Batch(0, []), LOCAL, [])) == []
