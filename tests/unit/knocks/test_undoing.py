"""Guards that a view takes away: what they have caused is undone, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knockd.knocks.batch import LEAST, Batch, grouped
from knockd.knocks.matcher import Matcher
from knockd.knocks.touches import MOST_TOLD
from knockd.token_bucket import TokenBucket
from tests.support.doubles.played import BOB, LOCAL, door, matching, packet, pending, play, watched

DOOR = door("1 2 3", seq_timeout=10.0)
OPEN = ["stage 1", "stage 2", "opened 3"]


def guarded(**values: Any) -> Matcher:
    """A door of three steps with the guards 7 and 8."""
    return matching(door("1 2 3", seq_timeout=10.0, **values), guards=["7 8"])


def unguard(matcher: Matcher, left: str = "8", *, now: float = 100.0, **values: Any) -> None:
    """The door's guards are those that are left."""
    matcher.set_watches(watched(door("1 2 3", seq_timeout=10.0, **values), guards=[left]), now)


def test_source_is_heard_again() -> None:
    """Who touched a port that is no guard any more is not ignored."""
    matcher = guarded()
    assert ["guarded 0", "ignored 10"] == play(matcher, "7 1 2 3")
    unguard(matcher)
    assert OPEN == play(matcher, "1 2 3")


@pytest.mark.parametrize(("before", "rest"), [("1", ["stage 2", "opened 3"]), ("1 2", ["opened 3"])])
def test_attempt_goes_on(before: str, rest: list[str]) -> None:
    """An attempt that the touch ended goes on where it was."""
    matcher = guarded()
    play(matcher, before)
    play(matcher, "7")
    assert 0 == pending(matcher)
    unguard(matcher)
    assert rest == play(matcher, " ".join(["1", "2", "3"][len(before.split()) :]))


def test_attempt_at_a_sequence_that_changed() -> None:
    """An attempt at a sequence that has changed meanwhile is none at the new one."""
    matcher = guarded()
    play(matcher, "1 2 7")
    (changed,) = watched(door("4 5 6", seq_timeout=10.0), guards=["7"])
    matcher.set_watches([replace(changed, serial=1)], 100.0)
    matcher.set_watches([replace(changed, serial=1, guards=())], 100.0)
    assert [] == play(matcher, "6")


def test_several_attempts() -> None:
    """All attempts of a sequence that repeats its first step come back."""
    matcher = matching(door("1 1 2"), guards=["7"])
    play(matcher, "1 1 7")
    matcher.set_watches(watched(door("1 1 2")), 100.0)
    assert ["opened 3"] == play(matcher, "2")


def test_attempt_has_its_own_time() -> None:
    """It ends when it would have ended, and that is told."""
    matcher = guarded()
    play(matcher, "1", now=100.0)
    play(matcher, "7", now=104.0)
    unguard(matcher, now=105.0)
    due = matcher.next_expiry()
    assert due is not None
    assert due <= 110.1
    assert ["Expired"] == [type(event).__name__ for event in matcher.expire(111.0)]


def test_attempt_that_is_over() -> None:
    """One whose time has passed meanwhile does not come back, and nothing is told of it late."""
    matcher = guarded()
    play(matcher, "1", now=100.0)
    play(matcher, "7", now=104.0)
    unguard(matcher, now=111.0)
    assert 0 == pending(matcher)
    assert ["stage 1"] == play(matcher, "1", now=111.0)


def test_touch_of_long_ago() -> None:
    """Who is not ignored any more has perhaps begun anew: that is left alone."""
    matcher = guarded()
    play(matcher, "1 7", now=100.0)
    play(matcher, "1 2", now=120.0)
    unguard(matcher, now=121.0)
    assert ["opened 3"] == play(matcher, "3", now=121.0)


def test_another_guard_was_touched() -> None:
    """Who touched a port that is still a guard stays ignored, until that is none either."""
    matcher = guarded()
    play(matcher, "1")
    assert ["guarded 1"] == play(matcher, "7 8 7")
    unguard(matcher)
    assert ["ignored 10"] == play(matcher, "1 2 3")
    unguard(matcher, "")
    assert ["stage 2", "opened 3"] == play(matcher, "2 3")


def test_others_stay_ignored() -> None:
    """Who touched another guard, or a guard of another door, is no better off."""
    matcher = matching(DOOR, door("4 5"), guards=["7 8", "7"])
    play(matcher, "7")
    play(matcher, "8", BOB)
    matcher.set_watches(watched(DOOR, door("4 5"), guards=["8", "7"]), 100.0)
    assert [*OPEN, "1: ignored 25"] == play(matcher, "1 2 3 4 5")
    assert ["ignored 10", "1: stage 1", "1: opened 2"] == play(matcher, "1 2 3 4 5", BOB)


def test_cooldown_stays() -> None:
    """A touch in the cooldown after an opening is undone; the cooldown is not."""
    matcher = guarded(seq_cooldown=5.0)
    assert OPEN == play(matcher, "1 2 3", now=100.0)
    assert [] == play(matcher, "7", now=101.0)
    unguard(matcher, now=102.0, seq_cooldown=5.0)
    assert ["ignored 1"] == play(matcher, "1 2 3", now=104.0)
    assert OPEN == play(matcher, "1 2 3", now=105.0)


def test_changed_sequence() -> None:
    """A port that is no guard of the next sequence was one of this: whoever touched it stays ignored."""
    matcher = guarded()
    play(matcher, "7")
    matcher.set_watches(watched(door("4 5 6", seq_timeout=10.0)), 100.0)
    assert ["ignored 10"] == play(matcher, "4 5 6")


def test_flood() -> None:
    """Sources that were remembered together are heard again too."""
    matcher = matching(DOOR, guards=["7 8"], strangers=TokenBucket(burst=0, rate=0.0))
    sources = [bytes((10, 9, 8, number)) for number in range(2 * LEAST)]
    packets = [tuple(packet("7", source)) for source in sources]
    batch = Batch(len(packets), grouped(enumerate(packets)))  # type: ignore[arg-type]
    assert [] == list(matcher.feed_batch(batch, LOCAL, [100.0] * len(packets)))
    assert [] == play(matcher, "1 2 3", sources[7])  # the limit allows no line
    unguard(matcher)
    assert ["opened 3"] == play(matcher, "1 2 3", sources[7])[-1:]


def test_many_guards() -> None:
    """Of who touches more guards than are remembered nothing is undone, and no more memory is taken."""
    ports = [str(10 + number) for number in range(MOST_TOLD + 3)]
    matcher = matching(DOOR, guards=[" ".join(ports)])
    play(matcher, " ".join(ports))
    play(matcher, " ".join(ports[:MOST_TOLD]), BOB)
    ((_, touch), _) = matcher._memory.ignored.items()
    assert MOST_TOLD + 1 == len(touch[1])
    matcher.set_watches(watched(DOOR), 100.0)
    assert [] == play(matcher, "1 2 3")
    assert OPEN == play(matcher, "1 2 3", BOB)
