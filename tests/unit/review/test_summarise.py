"""Entries to a summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any

import pytest

from knockd.review.clock import Clock
from knockd.review.entries import Entry
from knockd.review.selection import Selection
from knockd.review.summarise import Review
from knockd.review.summary import End, Summary
from tests.support.samples.entries import NOON, classic, entry, opening, signed_opening, stages

ANN, EVE = "192.0.2.7", "198.51.100.9"
DAY = 86_400


def summary_of(entries: Iterable[Entry], selection: Selection | None = None) -> Summary:
    """The summary of a log."""
    review = Review(selection, Clock(UTC))
    review.add_all(entries)
    return review.finish()


def test_nothing() -> None:
    """A log without an entry has a summary too."""
    summary = summary_of([])
    assert summary.first is summary.last is None
    assert summary.totals["openings"] == 0
    assert summary.attention == ()
    assert summary.doors == ()
    assert summary.cut == ()


def test_a_night() -> None:
    """Who opened, who failed, who scanned: each is where it belongs."""
    summary = summary_of(
        [
            *stages(0, ANN, 1),
            entry(1, "spoiled", ANN, stage=1),
            *stages(10, ANN, 1, 2, 3),
            *opening(13, ANN),
            entry(50, "guarded", EVE, seconds=10.0),
            entry(60, "held-back", door="", count=7),
        ]
    )
    assert (summary.first, summary.last) == (NOON, NOON + 60)
    (door,) = summary.doors
    assert (door.openings, door.addresses, door.failed, door.guards) == (1, 1, 2, 1)
    assert [one.end for one in summary.openings] == [End.TIMEOUT]
    assert [one.ip for one in summary.owners] == [ANN]
    assert [one.source for one in summary.scanners] == [EVE]
    assert summary.held_back == 7
    assert summary.totals["failed"] == sum(summary.timeline.attempts) + sum(summary.timeline.scans)
    assert sum(map(sum, summary.hours)) == sum(summary.timeline.openings) == 1
    assert sum(map(sum, summary.scan_hours)) == 2


def test_by_hand() -> None:
    """An opening by hand counts as one, unless it was refused; one that was given up could not be closed."""
    by: dict[str, Any] = {"uid": 0, "pid": 7}
    summary = summary_of(
        [
            entry(0, "opened-by-hand", ANN, **by),
            entry(0, "command", ANN, command=f"start {ANN}"),
            entry(5, "extended-by-hand", ANN, seconds=60.0, **by),
            entry(60, "closed-by-hand", ANN, **by),
            entry(60, "command", ANN, command=f"stop {ANN}"),
            entry(70, "opened-by-hand", EVE, **by),
            entry(70, "refused", EVE, reason="8 leases are open"),
            entry(80, "opened-by-hand", ANN, **by),
            entry(80, "command", ANN, command=f"start {ANN}"),
            entry(90, "given-up", ANN, command=f"stop {ANN}", **by),
        ]
    )
    assert summary.totals["openings"] == 2
    assert summary.totals["not_opened"] == 1
    ends = [one.end for one in summary.openings if one.ip == ANN]
    assert ends == [End.BY_HAND, End.NOT_CLOSED]
    assert [one.by_hand for one in summary.openings] == [True] * 3
    assert summary.totals["stuck"] == 1


def test_knocks_with_keys() -> None:
    """An opening has the name of its key; whole knocks that open nothing are attempts, whoever made them."""
    lines = opening(0, ANN)
    lines[1:1] = [entry(0, "key-opened", ANN, key="anne")]
    summary = summary_of(
        [
            *lines,
            *stages(20, EVE, 1, 2, 3),
            entry(23, "key-used", EVE, key="anne", seconds=7.0),
            entry(24, "key-behind", ANN, key="anne", seconds=70.0),
        ]
    )
    assert [(one.ip, one.key) for one in summary.openings] == [(ANN, "anne")]
    (owner,) = summary.owners
    assert [one.why for one in owner.failures] == ["clock of the knocker 70 s behind"]
    (scanner,) = summary.scanners
    assert (scanner.source, summary.totals["failed"]) == (EVE, 2)
    assert [line for line in summary.attention if f"{EVE} repeated a knock of {ANN} at ssh" in line]


def signed_refusal(time: float, ip: str, reason: str, key: str = "laptop", door: str = "ssh") -> Entry:
    """A signed knock that did nothing; without a door it could not be read."""
    event = "signed-refused" if door else "signed-unread"
    return entry(time, event, ip, door, key=key, fingerprint=f"SHA256:{key}" if key else "", reason=reason)


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_signed_knocks(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """Openings are by their key; what was refused is a failure of its owner, with the reason, or a scan."""
    summary = summary_of(
        form(
            [
                *signed_opening(0, ANN),
                entry(120, "signed-closed", ANN, key="laptop", fingerprint="SHA256:laptop"),
                entry(120, "command", ANN, command=f"stop {ANN}"),
                signed_refusal(180, ANN, "its key has expired"),
                signed_refusal(240, EVE, "of no key that may knock here", key="", door=""),
            ]
        )
    )
    (one,) = summary.openings
    assert (one.ip, one.key, one.fingerprint, one.end) == (ANN, "laptop", "SHA256:laptop", End.BY_KEY)
    (owner,) = summary.owners
    assert [failure.why for failure in owner.failures] == [
        "signed knock of laptop refused: its key has expired"
    ]
    (scanner,) = summary.scanners
    assert (scanner.source, scanner.doors) == (EVE, ())
    assert [(door.door, door.failed) for door in summary.doors] == [("ssh", 1)]
    assert summary.totals["failed"] == 2


def test_signed_renewal() -> None:
    """A renewal is the end of what was open, and another opening."""
    lines = [*opening(0, ANN, stop=""), *signed_opening(5, ANN, event="signed-renewed")]
    lines.insert(-1, entry(5, "command", ANN, command=f"stop {ANN}"))
    summary = summary_of(lines)
    assert [(one.end, one.key) for one in summary.openings] == [(End.RENEWED, ""), (End.UNKNOWN, "laptop")]


def test_refused_signed_knock_ends_no_attempt() -> None:
    """Who knocks a sequence meanwhile is still on the way to an opening."""
    lines = [*stages(0, ANN, 1, 2), signed_refusal(1.5, ANN, "came before"), entry(2, "open", ANN)]
    summary = summary_of(lines)
    assert (summary.totals["openings"], summary.totals["failed"]) == (1, 1)


def test_repeated_signed_knock() -> None:
    """Who sends again what another address has sent is named; one's own packet that comes twice is not."""
    summary = summary_of(
        [
            *signed_opening(0, ANN),
            signed_refusal(1, ANN, "came before", key="", door=""),
            signed_refusal(2, EVE, "came before"),
            signed_refusal(3, EVE, "came before", key="", door=""),
            signed_refusal(4, EVE, "came before", key="", door=""),
        ]
    )
    known, unread = [line for line in summary.attention if "listens on the way" in line]
    assert f"{EVE} repeated a knock of {ANN} at ssh with key laptop: it opened nothing" in known
    assert f"{EVE} repeated a signed knock, 2 times: it opened nothing" in unread


def test_clock_that_is_good_again() -> None:
    """Doors that waited for the clock need nobody once it is good."""
    waiting = entry(0, "clock-waiting", door="", reason="the clock is not synchronised")
    (said,) = summary_of([waiting]).attention
    assert "doors with keys wait: the clock is not synchronised" in said
    assert summary_of([waiting, entry(5, "clock-good", door="")]).attention == ()


def test_fleet_that_is_well_again() -> None:
    """A store that answers again, and a gateway that is back, need nobody; another silent gateway does."""
    ill = [
        entry(0, "fleet-unreachable", door="", reason="Connection refused"),
        entry(1, "fleet-silent", door="", gateway="gw2"),
        entry(2, "fleet-silent", door="", gateway="gw3"),
    ]
    assert len(summary_of(ill).attention) == 3
    well = [
        entry(5, "fleet-reached", door="", endpoint="a:1"),
        entry(6, "fleet-came", door="", gateway="gw2"),
    ]
    (said,) = summary_of([*ill, *well]).attention
    assert "gateway gw3 says nothing any more; look whether it runs" in said


def test_openings_of_the_fleet() -> None:
    """An opening at another gateway counts here, its address is an owner's; a used knock needs nobody."""
    summary = summary_of(
        [
            entry(0, "expired", ANN, stage=1),
            entry(10, "fleet-opened", ANN, gateway="gw2"),
            entry(10, "command", ANN, command=f"start {ANN}"),
            entry(11, "refused", ANN, reason="it was used at another gateway"),
            entry(60, "fleet-closed", ANN, gateway="gw2"),
            entry(60, "command", ANN, command=f"stop {ANN}"),
        ]
    )
    assert (summary.totals["openings"], summary.totals["not_opened"]) == (1, 0)
    assert [(one.gateway, one.end) for one in summary.openings] == [("gw2", End.AT_GATEWAY)]
    assert [one.ip for one in summary.owners] == [ANN]
    assert summary.attention == ()


def test_what_was_not_opened_is_not_counted() -> None:
    """A start command that fails takes the opening back, everywhere, and needs a person."""
    lines = opening(0, ANN)
    lines[2:2] = [
        entry(0, "command-output", ANN, line="no such file"),
        entry(0, "command-failed", ANN, status=127),
        entry(0, "refused", ANN, reason="its start command failed"),
    ]
    summary = summary_of(lines)
    assert summary.totals["openings"] == summary.doors[0].openings == sum(summary.timeline.openings) == 0
    assert summary.totals["not_opened"] == 1
    assert summary.openings[0].end is End.NOT_OPENED
    (command,) = summary.commands
    assert (command.command, command.output, command.why) == (
        f"start {ANN}",
        "no such file",
        "exit status 127",
    )
    assert [one.failed for one in summary.owners] == [1]
    assert len(summary.attention) == 1


def test_a_stop_command_that_fails() -> None:
    """The door may still be open, until another try works."""
    lines = [*opening(0, ANN), entry(10, "command-failed", ANN, status=1)]
    summary = summary_of(lines)
    assert [(one.door, one.ip) for one in summary.stuck] == [("ssh", ANN)]
    again = entry(20, "command", ANN, command=f"stop {ANN}")
    assert summary_of([*lines, again]).stuck == ()
    gone = [again, entry(20, "command-failed", ANN, status=1), entry(20, "stop-failed", ANN, tries=6)]
    assert [one.why for one in summary_of([*lines, *gone]).stuck] == ["its stop command failed 6 times"]


@pytest.mark.parametrize("events", [["starting"], ["stopping"], ["stopping", "starting"]])
def test_a_door_that_a_daemon_left_open(events: list[str]) -> None:
    """It needs a person, until a daemon says that it closes it, or its stop command runs."""
    ends = [entry(DAY, event, door="", interface="eth0") for event in events]
    lines = [*opening(0, ANN), *opening(60, ANN, stop=""), *ends]
    summary = summary_of(lines, Selection(since=NOON + DAY - 60))
    assert [(one.door, one.ip, one.time) for one in summary.stuck] == [("ssh", ANN, NOON + DAY)]
    assert "ssh may still be open for 192.0.2.7" in summary.attention[0]
    start, recovered = entry(DAY, "starting", door=""), entry(DAY, "recovered", ANN, seconds=5.0)
    assert summary_of([*lines, start, recovered]).stuck == ()
    assert summary_of([*lines, *opening(DAY + 9, ANN)]).stuck == ()
    assert summary_of(lines, Selection(doors=frozenset({"web"}))).stuck == ()


def test_a_selection_counts_what_it_covers() -> None:
    """What is before it is not counted, but who opened then is an owner now."""
    lines = [
        *stages(0, ANN, 1, 2, 3),
        *opening(3, ANN),
        *stages(DAY, ANN, 1),
        entry(DAY + 1, "spoiled", ANN, stage=1),
    ]
    summary = summary_of(lines, Selection(since=NOON + 100))
    assert summary.first == NOON + DAY
    assert summary.totals["openings"] == 0
    assert [(one.openings, one.failed) for one in summary.owners] == [(0, 1)]
    assert summary.openings == ()


def test_an_opening_by_somebody_new() -> None:
    """It needs a person where the log before the selection knows others only."""
    lines = [*opening(0, ANN), *opening(DAY, ANN), *opening(DAY + 60, EVE)]
    (only,) = summary_of(lines, Selection(since=NOON + 100)).attention
    assert EVE in only
    assert summary_of(lines).attention == ()


def test_daemon_that_restarts_itself() -> None:
    """A packet process that is lost, or a start without an end before it, needs a person."""
    lost = entry(0, "worker-lost", door="", reason="killed", seconds=1.0)
    starts = [entry(time, "starting", door="", interface="eth0") for time in (1, 9)]
    summary = summary_of([lost, *starts])
    assert [one.restart for one in summary.daemon] == [True, False, True]
    assert len(summary.attention) == 2


def test_lines_and_notices_are_handed_on() -> None:
    """What the reader of the files says is in the summary."""
    assert Review().finish(notices=["a clock went back"]).notices == ("a clock went back",)


def test_very_long_texts_are_cut() -> None:
    """A line of any length takes little room."""
    long = "x" * 100_000
    lines = [
        entry(0, "guarded", long, long, seconds=1.0),
        entry(1, "open", long, long, host=long),
        entry(1, "command", long, long, command=long),
        entry(2, "worker-lost", door="", reason=long, seconds=1.0),
    ]
    summary = summary_of(lines)
    assert len(repr(summary)) < 20_000
    assert [len(one.door) for one in summary.openings] == [256]
