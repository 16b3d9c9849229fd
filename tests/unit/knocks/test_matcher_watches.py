"""What becomes of attempts, of ignored sources and of used sequences when the watches change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.knocks.watch import Watch
from tests.support.doubles.played import BOB, door, matching, pending, play, steps, watched

FIRST, SECOND = watched(door("1 2"), door("3 4"), guards=["7", "8"])


def test_unchanged_watches_keep_their_attempts() -> None:
    """The same watches again change nothing."""
    matcher = matching(door("1 2"), door("3 4"))
    play(matcher, "1 3")
    matcher.set_watches(watched(door("1 2"), door("3 4")), 100.0)
    assert play(matcher, "2 4") == ["opened 2", "1: opened 2"]


def test_other_guards_end_no_attempt() -> None:
    """An attempt goes on when the guards of its watch change, and the new ones count."""
    matcher = matching(door("1 2"), guards=["7"])
    play(matcher, "1")
    matcher.set_watches(watched(door("1 2"), guards=["8"]), 100.0)
    assert play(matcher, "7 2") == ["opened 2"]
    assert play(matcher, "8") == ["guarded 0"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIRST, steps=steps("1 2 5")),
        replace(FIRST, seq_timeout=24.0),
        replace(FIRST, target=frozenset({b"\x0a\0\0\x01"})),
        replace(FIRST, serial=1),
    ],
    ids=["steps", "timeout", "target", "serial"],
)
def test_a_changed_watch_loses_its_attempts(changed: Watch) -> None:
    """Its attempts are forgotten without an event; those of others go on."""
    matcher = matching(door("1 2"), door("3 4"))
    play(matcher, "1 3")
    matcher.set_watches([changed, SECOND], 100.0)
    assert play(matcher, "2 4") == ["1: opened 2"]
    assert pending(matcher) == 0


def test_a_watch_is_added() -> None:
    """A new watch counts from now on; the attempts of the others go on."""
    matcher = matching(door("1 2"))
    play(matcher, "1 3")
    matcher.set_watches([FIRST, SECOND], 100.0)
    assert play(matcher, "4 2 3 4") == ["opened 2", "1: stage 1", "1: opened 2"]


def test_a_watch_is_removed() -> None:
    """Its attempts are forgotten, its ports mean nothing, and nobody is ignored when it comes back."""
    matcher = matching(door("1 2"), door("3 4"), guards=["7", "8"])
    play(matcher, "1 3")
    play(matcher, "8", BOB)
    matcher.set_watches([FIRST], 100.0)
    assert pending(matcher) == 1
    assert play(matcher, "4 2") == ["opened 2"]
    matcher.set_watches([FIRST, SECOND], 100.0)
    assert play(matcher, "4") == []
    assert play(matcher, "3 4", BOB) == ["1: stage 1", "1: opened 2"]


def test_a_door_with_another_number() -> None:
    """Attempts and ignored sources go with an unchanged watch whose door has another number now."""
    matcher = matching(door("1 2"), door("3 4"), guards=["7", "8"])
    play(matcher, "3")
    play(matcher, "8", BOB)
    matcher.set_watches([replace(SECOND, door=0), replace(FIRST, steps=steps("5"), door=1)], 100.0)
    assert play(matcher, "3 4", BOB) == ["ignored 25"]
    assert play(matcher, "4") == ["opened 2"]


def test_expiry_names_the_door_of_now() -> None:
    """An attempt that expires after a change is reported for the number that its door has now."""
    matcher = matching(door("1 2"), door("3 4"))
    play(matcher, "3", now=100.0)
    matcher.set_watches([replace(SECOND, door=0)], 100.0)
    assert [event.door for event in matcher.expire(200.0)] == [0]


def test_a_door_has_several_watches() -> None:
    """Each watch of a door has attempts of its own; the first that opens it ends all of that source.

    A packet that begins two attempts has one line.
    """
    matcher = matching(door("1 2"))
    matcher.set_watches([FIRST, replace(FIRST, steps=steps("1 3"), serial=1)], 100.0)
    assert play(matcher, "1 3") == ["stage 1", "opened 2"]
    assert (pending(matcher), play(matcher, "2")) == (0, [])


def test_a_changed_watch_goes_on_to_ignore() -> None:
    """Whom a door ignores it ignores with its next sequence too."""
    matcher = matching(door("1 2"), door("3 4"), guards=["7", "8"])
    play(matcher, "7")
    matcher.set_watches([replace(FIRST, steps=steps("5 6")), SECOND], 100.0)
    assert play(matcher, "5 6") == ["ignored 25"]


def test_a_one_time_sequence_opens_once() -> None:
    """After its opening the watch matches nothing, and attempts of others at it are forgotten."""
    matcher = matching(door("1 2", one_time_file="/codes"), door("1 3"))
    play(matcher, "1", BOB)
    assert play(matcher, "1 2 1 2") == ["stage 1", "1: stage 1", "opened 2"]
    assert play(matcher, "2", BOB) == []
    assert pending(matcher) == 2  # those at the other door


def test_a_one_time_sequence_of_one_step() -> None:
    """A single packet is used up as a longer sequence is."""
    matcher = matching(door("1", one_time_file="/codes"))
    assert play(matcher, "1 1") == ["opened 1"]


@pytest.mark.parametrize("guards", ["7", "8"], ids=["same", "other guards"])
def test_a_used_sequence_stays_used(guards: str) -> None:
    """The same watch again does not arm it, whatever else changes."""
    once = door("1 2", one_time_file="/codes")
    matcher = matching(once, guards=["7"])
    play(matcher, "1 2")
    matcher.set_watches(watched(once, door("5 6"), guards=[guards]), 100.0)
    assert play(matcher, f"1 2 {guards}") == []


@pytest.mark.parametrize("sequence", ["1 2", "3 4"], ids=["equal", "another"])
def test_the_next_sequence_arms_a_one_time_door(sequence: str) -> None:
    """A next sequence counts, even one that is equal to the one before."""
    matcher = matching(door("1 2", one_time_file="/codes"))
    play(matcher, "1 2")
    matcher.set_watches([replace(*watched(door(sequence, one_time_file="/codes")), serial=1)], 100.0)
    assert play(matcher, sequence) == ["stage 1", "opened 2"]
