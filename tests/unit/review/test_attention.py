"""What needs a person."""

from __future__ import annotations

from datetime import UTC

from knockd.review.attention import MOST_EACH, Novelty, Troubles, describe_attention
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
    found = describe_attention([stuck], [command], Novelty(None), troubles, CLOCK)
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
    found = describe_attention(stuck, [], Novelty(None), Troubles(), CLOCK)
    assert len(found) == MOST_EACH + 1
    assert found[-1] == "and 5 more like the last one"
    assert all(sentence.isprintable() for sentence in found)


def test_a_start_that_nobody_asked_for() -> None:
    """A start without an end before it says what may have happened."""
    troubles = Troubles()
    troubles.add("starting", DaemonEvent(NOON, "starting", "starting up, listening on eth0", True))
    (only,) = troubles.sentences(CLOCK)
    assert "it crashed, was killed, or the power was cut; look at the system's log" in only
