"""What needs a person."""

from __future__ import annotations

from datetime import UTC

from knockd.review.attention import (
    MOST_EACH,
    MOST_REFUSALS,
    Novelty,
    Repeats,
    Troubles,
    describe_attention,
)
from knockd.review.clock import Clock
from knockd.review.openings import Opened
from knockd.review.summary import CommandFailure, DaemonEvent, End, Stuck
from tests.support.samples.entries import NOON, entry

ANN, EVE = "192.0.2.7", "198.51.100.9"
DAY = 86_400
CLOCK = Clock(UTC)


def opened(time: float, ip: str) -> Opened:
    """An opening."""
    return Opened(entry(time, "open", ip), True)


def test_new_address() -> None:
    """An address that opened nothing before the selection began, once."""
    novelty = Novelty(NOON)
    novelty.see(NOON - DAY)
    novelty.open(opened(-DAY, ANN), 12)
    novelty.open(opened(0, ANN), 12)
    novelty.open(opened(60, EVE), 12)
    novelty.open(opened(90, EVE), 12)
    (only,) = novelty.sentences(CLOCK)
    assert f"ssh was opened by {EVE}: this address had opened nothing before" in only


def test_new_hour() -> None:
    """An hour of the day at which nothing was opened before."""
    novelty = Novelty(NOON)
    novelty.see(NOON - DAY)
    novelty.open(opened(-DAY, ANN), 12)
    novelty.open(opened(0, ANN), 3)
    (only,) = novelty.sentences(CLOCK)
    assert "nothing had been opened between 03:00 and 03:59 before" in only


def test_nothing_to_compare_with() -> None:
    """A log that begins with the selection has no memory; one of other lines has."""
    novelty = Novelty(NOON)
    novelty.open(opened(0, ANN), 12)
    assert novelty.sentences(CLOCK) == []
    novelty.see(NOON - 1)
    novelty.open(opened(0, EVE), 12)
    assert len(novelty.sentences(CLOCK)) == 1


def test_what_was_not_opened_is_not_new() -> None:
    """An opening that was none in the end is not named."""
    novelty = Novelty(NOON)
    novelty.see(NOON - 1)
    one = opened(0, ANN)
    novelty.open(one, 12)
    one.end = End.NOT_OPENED
    assert novelty.sentences(CLOCK) == []


def test_repeated_knock() -> None:
    """A sequence that another address had opened with says that somebody listens; one's own says nothing."""
    repeats = Repeats()
    repeats.open(entry(0, "key-opened", ANN, key="anne"))
    repeats.use(entry(1, "key-used", ANN, key="anne", seconds=20.0))
    repeats.use(entry(1, "key-used", EVE, key="bob", seconds=20.0))
    repeats.use(entry(1, "key-used", EVE, door="web", key="anne", seconds=20.0))
    assert repeats.sentences(CLOCK) == []
    for second in (2, 3):
        repeats.use(entry(second, "key-used", EVE, key="anne", seconds=20.0))
    (only,) = repeats.sentences(CLOCK)
    assert f"{EVE} repeated a knock of {ANN} at ssh with key anne, 2 times: it opened nothing; unless" in only
    assert describe_attention([], [], Novelty(None), Troubles(), repeats, CLOCK) == (only,)


def test_repeated_knocks_are_bounded() -> None:
    """However many addresses repeat knocks, only so many are named."""
    repeats = Repeats()
    repeats.open(entry(0, "key-opened", ANN, key="anne"))
    for number in range(2 * MOST_REFUSALS):
        repeats.use(entry(1, "key-used", f"198.51.100.{number}", key="anne"))
    assert len(repeats.sentences(CLOCK)) == MOST_REFUSALS


def test_repeated_signed_knocks_are_bounded() -> None:
    """However many addresses repeat signed knocks of others, only so many are named."""
    repeats = Repeats()
    for number in range(2 * MOST_REFUSALS):
        repeats.use_unread(entry(1, "signed-unread", f"198.51.100.{number}", door="", reason="came before"))
    assert len(repeats.sentences(CLOCK)) == MOST_REFUSALS


def test_what_is_well_again() -> None:
    """Of what was wrong for a while nothing is said."""
    troubles = Troubles()
    for event in ("clock-waiting", "key-expired"):
        troubles.add(f"{event} ", DaemonEvent(NOON, event, event, False))
    troubles.remove("clock-waiting ")
    troubles.remove("nothing of the kind")
    (only,) = troubles.sentences(CLOCK)
    assert "key-expired; take it out of the file" in only


def test_sentences_in_order() -> None:
    """Doors that may be open come first; each sentence says what to do."""
    troubles = Troubles()
    troubles.refuse(entry(0, "refused", ANN), "too many doors are open")
    troubles.refuse(entry(1, "refused", EVE), "too many doors are open")
    troubles.add("worker-lost", DaemonEvent(NOON, "worker-lost", "packet process ended", True))
    troubles.add("one-time", DaemonEvent(NOON, "one-time-exhausted", "no more sequences", False))
    stuck, command = (
        Stuck(NOON, "ssh", ANN, "its stop command failed"),
        CommandFailure("ssh", ANN, "open", "exit status 1", "oh", 2, NOON),
    )
    found = describe_attention([stuck], [command], Novelty(None), troubles, Repeats(), CLOCK)
    stamp = "2026-09-21 14:13"
    assert found == (
        f"{stamp}: ssh may still be open for {ANN}: its stop command failed; close it by hand,"
        " and mend its stop command",
        f"{stamp}: a command of ssh failed, 2 times: exit status 1, it said: oh;"
        " find out why, and mend it: open",
        f"{stamp}: ssh could not be opened for {EVE}, 2 times: too many doors are open;"
        " remove the cause, then knock again",
        f"{stamp}: the daemon restarted itself: packet process ended; look at the lines before it",
        f"{stamp}: no more sequences; the door is disabled: write new sequences into its file",
    )


def test_bounds_and_hostile_text() -> None:
    """Many of a kind end with how many more there are, and no text moves a cursor."""
    stuck = [Stuck(NOON, "\x1b[2J", ANN, "why") for _ in range(MOST_EACH + 5)]
    found = describe_attention(stuck, [], Novelty(None), Troubles(), Repeats(), CLOCK)
    assert len(found) == MOST_EACH + 1
    assert found[-1] == "and 5 more like the last one"
    assert all(sentence.isprintable() for sentence in found)


def test_a_start_that_nobody_asked_for() -> None:
    """A start without an end before it says what may have happened."""
    troubles = Troubles()
    troubles.add("starting", DaemonEvent(NOON, "starting", "starting up, listening on eth0", True))
    (only,) = troubles.sentences(CLOCK)
    assert "it crashed, was killed, or the power was cut; look at the system's log" in only
