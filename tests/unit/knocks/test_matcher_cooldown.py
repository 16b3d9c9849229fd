"""Seq_Cooldown: whom a door ignores after it has opened, and for how long."""

from __future__ import annotations

import pytest

from tests.support.doubles.played import BOB, door, matching, pending, play

OPEN = ["stage 1", "opened 2"]


@pytest.mark.parametrize(
    ("after", "expected"), [(0.0, ["ignored 10"]), (9.5, ["ignored 1"]), (10.0, OPEN), (60.0, OPEN)]
)
def test_the_same_knocker(after: float, expected: list[str]) -> None:
    """For Seq_Cooldown seconds after an opening the same knocker's knocks at that door are ignored."""
    matcher = matching(door("1 2", seq_cooldown=10.0))
    assert OPEN == play(matcher, "1 2", now=100.0)
    assert expected == play(matcher, "1 2", now=100.0 + after)


@pytest.mark.parametrize("cooldown", [1.0, 60.0])
def test_one_port(cooldown: float) -> None:
    """10,000 packets at a one-port door are one opening, the cooldown longer than an attempt or not."""
    matcher = matching(door("7", seq_cooldown=cooldown))
    assert ["opened 1"] == play(matcher, "7 " * 10_000)
    assert [] == play(matcher, "7", now=100.0 + cooldown - 0.25)
    assert ["opened 1"] == play(matcher, "7", now=100.0 + cooldown)


def test_others() -> None:
    """Other knockers, and other doors for the same one, open meanwhile."""
    matcher = matching(door("7", seq_cooldown=10.0), door("8 9"))
    assert ["opened 1"] == play(matcher, "7")
    assert ["opened 1"] == play(matcher, "7", BOB)
    assert ["1: stage 1", "1: opened 2"] == play(matcher, "8 9")


def test_without() -> None:
    """Without a cooldown every knock counts, as in 0.8."""
    assert ["opened 1"] * 3 == play(matching(door("7")), "7 7 7")


def test_no_attempt_goes_on() -> None:
    """The packet that opens starts no other attempt, and one that was under way is dropped."""
    matcher = matching(door("1 2 1", seq_cooldown=10.0))
    assert ["stage 1", "stage 2", "opened 3"] == play(matcher, "1 2 1")
    assert ([], 0) == (play(matcher, "2 1"), pending(matcher))


def test_guards() -> None:
    """A guard port touched in a cooldown shortens it not, and makes it last if that is longer."""
    matcher = matching(door("1 2", seq_cooldown=60.0, seq_timeout=5.0), guards=["3"])
    assert OPEN == play(matcher, "1 2", now=100.0)
    assert [] == play(matcher, "3", now=110.0)
    assert ["ignored 40"] == play(matcher, "1 2", now=120.0)
    assert [] == play(matcher, "3", now=159.0)
    assert ["ignored 2"] == play(matcher, "1 2", now=162.0)
    assert OPEN == play(matcher, "1 2", now=164.0)


def test_bounded() -> None:
    """A flood of spoofed openings does not grow the memory without bound; the last ones are ignored."""
    matcher = matching(door("7", seq_cooldown=60.0), max_attempts=1_024)
    sources = [number.to_bytes(4, "big") for number in range(1 << 24, (1 << 24) + 5_000)]
    for source in sources:
        play(matcher, "7", source)
    assert len(matcher._memory.ignored) <= 256
    assert [] == [event for source in sources[-64:] for event in play(matcher, "7", source)]
