"""Openings and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from knockd.review import openings as module
from knockd.review.entries import Entry
from knockd.review.openings import Openings
from knockd.review.selection import OPENED
from knockd.review.summary import End, Opening
from tests.support.samples.entries import NOON, classic, entry, opening, signed_opening

ANN, BOB = "192.0.2.7", "2001:db8::7"


def read(entries: Iterable[Entry]) -> list[Opening]:
    """The openings of a log."""
    found, openings = [], Openings()
    verbs: dict[str, Callable[[Entry], object]] = {
        "key-opened": openings.name_key,
        "signed-opened": openings.name_key,
        "signed-closed": openings.close_by_key,
        "command": openings.run_command,
        "command-timeout": openings.end_by_time,
        "closed-by-hand": openings.end_by_time,
        "fleet-closed": openings.end_by_time,
        "command-failed": lambda one: openings.fail_command(one, f"exit status {one.fields['status']}"),
        "refused": lambda one: openings.refuse(one, str(one.fields["reason"])),
        "stop-failed": lambda one: openings.leave_open(one, "stop failed"),
        "left-open": lambda one: openings.leave_open(one, "left open"),
        "recovered": openings.recover,
        "recovered-failed": openings.recover,
        "starting": lambda _: openings.start(),
        "stopping": lambda _: openings.stop(),
    }
    for one in entries:
        if one.event in OPENED or one.event == "signed-renewed":
            found.append(openings.open(one, True))
            if one.event == "signed-renewed":
                openings.name_key(one)
        else:
            verbs[one.event](one)
    openings.finish()
    return [opened.value() for opened in found]


def ends(entries: Iterable[Entry]) -> list[End]:
    """How the openings of a log ended."""
    return [opened.end for opened in read(entries)]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_time_ends_an_opening(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """The time of each of two addresses is over for itself."""
    lines = sorted(opening(0, ANN) + opening(60, BOB, span=120), key=lambda one: one.time)
    first, second = read(form(lines))
    assert first.end is second.end is End.TIMEOUT
    assert second.closed is not None
    assert second.closed // 60 == (NOON + 180) // 60


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_another_door_closes(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """The idiom of 0.8: closeSSH deletes the rule that openSSH added, for this address only."""
    add, delete = "iptables -A INPUT -s %IP% -j ACCEPT", "iptables -D INPUT -s %IP% -j ACCEPT"
    lines = [
        *opening(0, ANN, "openSSH", add, ""),
        *opening(5, BOB, "openSSH", add, ""),
        *opening(60, ANN, "closeSSH", delete, ""),
    ]
    ann, bob, closer = read(form(lines))
    assert (ann.end, ann.closer) == (End.DOOR, "closeSSH")
    assert bob.end is End.UNKNOWN
    assert (closer.end, closer.closer) == (End.CLOSED_ANOTHER, "openSSH")


def test_no_stop_command() -> None:
    """A door without a stop command: the log does not say how long it was open, and says so."""
    (only,) = read(opening(0, ANN, stop=""))
    assert only.end is End.UNKNOWN
    assert only.closer == "no stop command in the log"


def test_still_open() -> None:
    """A door that closes at other times is still open."""
    _, last = read(opening(0, ANN) + opening(60, ANN, stop=""))
    assert last.closer == "still open at the end of the log"


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_a_start_command_that_fails(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """It never was open; the stop command that runs all the same changes nothing."""
    lines = opening(0, ANN)
    lines[2:2] = [
        entry(0, "command-failed", ANN, status=1),
        entry(0, "refused", ANN, reason="its start command failed"),
    ]
    (only,) = read(form(lines))
    assert only.end is End.NOT_OPENED
    assert "exit status 1" in only.closer


def test_a_failed_start_command_leaves_earlier_openings() -> None:
    """Both lines about it mean the last opening, also where those before it never end."""
    lines = [entry(0, "open", ANN), entry(0, "command", ANN, command="start")]
    lines += [entry(60, "open", ANN), entry(60, "command", ANN, command="start")]
    lines += [
        entry(60, "command-failed", ANN, status=1),
        entry(60, "refused", ANN, reason="its start command failed"),
    ]
    assert ends(lines) == [End.UNKNOWN, End.NOT_OPENED]


def test_a_refused_opening() -> None:
    """A second knock while the start command runs is refused, and the first one stays."""
    lines = opening(0, ANN)
    lines[2:2] = [
        entry(1, "open", ANN),
        entry(1, "refused", ANN, reason="its start command has not ended yet"),
    ]
    assert ends(lines) == [End.TIMEOUT, End.NOT_OPENED]


def test_a_knock_that_renews() -> None:
    """The stop command of the first runs, then the start command of the second."""
    lines = [
        *opening(0, ANN, stop=""),
        entry(5, "open", ANN),
        entry(5, "command", ANN, command=f"stop {ANN}"),
        entry(5, "command", ANN, command=f"start {ANN}"),
        entry(15, "command-timeout", ANN),
        entry(15, "command", ANN, command=f"stop {ANN}"),
    ]
    assert ends(lines) == [End.RENEWED, End.TIMEOUT]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_by_hand(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """An opening by hand is one, and says so; one that is closed by hand ends then."""
    lines = [
        entry(0, "opened-by-hand", ANN, uid=0, pid=7),
        entry(0, "command", ANN, command=f"start {ANN}"),
        entry(120, "closed-by-hand", ANN, uid=0, pid=8),
        entry(120, "command", ANN, command=f"stop {ANN}"),
        *opening(240, BOB),
    ]
    ann, bob = read(form(lines))
    assert ann.by_hand
    assert ann.end is End.BY_HAND
    assert ann.closed is not None
    assert ann.closed // 60 == (NOON + 120) // 60
    assert not bob.by_hand
    assert bob.end is End.TIMEOUT


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_at_another_gateway(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """An opening of another gateway is one, and says so; one that is closed there ends then."""
    lines = [
        entry(0, "fleet-opened", ANN, gateway="gw2"),
        entry(0, "command", ANN, command=f"start {ANN}"),
        entry(120, "fleet-closed", ANN, gateway="gw3"),
        entry(120, "command", ANN, command=f"stop {ANN}"),
        *opening(240, BOB),
    ]
    ann, bob = read(form(lines))
    assert (ann.gateway, ann.end, ann.closer) == ("gw2", End.AT_GATEWAY, "gw3")
    assert ann.closed is not None
    assert (bob.gateway, bob.end) == ("", End.TIMEOUT)


def test_a_refused_knock_ends_no_opening() -> None:
    """A knock that is refused while an earlier one has the door open is not that one."""
    lines = opening(0, ANN)
    lines[2:2] = [entry(1, "refused", ANN, reason="it was used at another gateway")]
    assert ends(lines) == [End.TIMEOUT]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_with_a_key(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """The line behind an opening has its key; another address's and one without an opening change nothing."""
    lines = [
        entry(0, "open", ANN),
        entry(0, "key-opened", ANN, key="anne"),
        entry(0, "command", ANN, command=f"start {ANN}"),
        entry(0, "key-opened", "198.51.100.77", key="eve"),
        *opening(240, BOB),
    ]
    assert [(one.ip, one.key) for one in read(form(lines))] == [(ANN, "anne"), (BOB, "")]


def test_a_line_that_says_which_command_it_is() -> None:
    """A door whose two commands are one: `verb` tells them apart."""
    lines = [*opening(0, ANN, start="toggle", stop=""), entry(5, "open", ANN)]
    stop = entry(5, "command", ANN, command="toggle", verb="stop")
    start = entry(5, "command", ANN, command="toggle", verb="start")
    assert ends([*lines, stop, start]) == [End.RENEWED, End.UNKNOWN]
    assert ends([*lines, start]) == [End.UNKNOWN, End.UNKNOWN]


def test_a_knock_that_extends() -> None:
    """Nothing runs for the second knock: both end when the longer time is over."""
    lines = [*opening(0, ANN, stop=""), entry(5, "open", ANN), entry(15, "command-timeout", ANN)]
    assert [one.closed for one in read(lines)] == [NOON + 15, NOON + 15]


def test_a_knock_that_repeats() -> None:
    """As 0.8 does: each knock has its own pair of commands."""
    lines = sorted(opening(0, ANN) + opening(5, ANN), key=lambda one: one.time)
    assert [one.closed for one in read(lines)] == [NOON + 10, NOON + 15]


def test_a_stop_command_that_fails() -> None:
    """Not closed, until a later try works."""
    lines = [*opening(0, ANN), entry(10, "command-failed", ANN, status=2)]
    assert ends(lines) == [End.NOT_CLOSED]
    again = entry(20, "command", ANN, command=f"stop {ANN}")
    (tried,) = read([*lines, again])
    assert (tried.end, tried.closed) == (End.TIMEOUT, NOON + 20)
    assert ends(
        [*lines, again, entry(20, "command-failed", ANN, status=2), entry(20, "stop-failed", ANN)]
    ) == [End.NOT_CLOSED]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_the_daemon_closes_at_its_end(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """Our daemon runs the stop commands behind `shutting down`."""
    lines = [*opening(0, ANN, stop=""), entry(5, "stopping"), entry(5, "command", ANN, command=f"stop {ANN}")]
    assert ends(form(lines)) == [End.DAEMON]


def test_a_daemon_that_closes_nothing() -> None:
    """0.8 ends and leaves the door open: its door has a stop command, as an earlier opening shows."""
    lines = [*opening(0, ANN), *opening(60, ANN, stop=""), entry(65, "stopping"), entry(99, "starting")]
    assert ends(lines) == [End.TIMEOUT, End.NOT_CLOSED]


def test_a_knock_after_a_daemon_that_closed_nothing() -> None:
    """The end that follows is that of the new opening; nobody closes the one that was lost."""
    lines = [*opening(0, ANN), *opening(60, ANN, stop=""), entry(65, "starting"), *opening(70, ANN)]
    first, lost, last = read(lines)
    assert first.end is last.end is End.TIMEOUT
    assert lost.end is End.NOT_CLOSED


def test_a_start_command_behind_the_end_of_a_daemon() -> None:
    """Whoever opens a door behind `shutting down` is another daemon: its command is no stop command."""
    lines = [entry(0, "stopping"), *opening(1, ANN, "closeSSH", stop=""), entry(9, "starting")]
    assert ends(lines) == [End.UNKNOWN]


def test_a_recovered_opening_goes_on() -> None:
    """A daemon that was killed: the next one says that it closes the door, and does."""
    lines = [
        *opening(0, ANN, stop=""),
        entry(20, "starting"),
        entry(20, "recovered", ANN),
        entry(25, "command-timeout", ANN),
        entry(25, "command", ANN, command=f"stop {ANN}"),
    ]
    assert ends(lines) == [End.TIMEOUT]
    lines[2], lines[3] = lines[3], lines[2]
    assert ends(lines) == [End.TIMEOUT]


def test_a_stop_command_that_the_next_run_tries() -> None:
    """What could not be closed is closed by the next run, when no failure follows its stop command."""
    lines = [*opening(0, ANN), entry(10, "command-failed", ANN, status=2), entry(20, "stopping")]
    lines += [entry(21, "left-open", ANN), entry(30, "recovered-failed", ANN), entry(30, "starting")]
    assert ends(lines) == [End.NOT_CLOSED]
    again = entry(31, "command", ANN, command=f"stop {ANN}")
    (only,) = read([*lines, again])
    assert (only.end, only.closed) == (End.TIMEOUT, NOON + 31)
    assert ends([*lines, again, entry(31, "command-failed", ANN, status=2)]) == [End.NOT_CLOSED]


def test_a_stop_command_after_a_boot() -> None:
    """What was open before the machine started anew is closed at once, without a word of its time."""
    lines = [*opening(0, ANN, stop=""), entry(20, "recovered", ANN), entry(20, "starting")]
    assert ends([*lines, entry(21, "command", ANN, command=f"stop {ANN}")]) == [End.TIMEOUT]


def test_left_open() -> None:
    """A door that the daemon could not close at its end."""
    assert ends([*opening(0, ANN, stop=""), entry(5, "stopping"), entry(6, "left-open", ANN)]) == [
        End.NOT_CLOSED
    ]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_by_signed_knocks(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """The line behind an opening has comment and fingerprint; its classic form names no address."""
    lines = [
        *signed_opening(0, ANN),
        *signed_opening(1, BOB, key="phone"),
        *opening(2, "192.0.2.9", stop=""),
        entry(3, "signed-opened", "198.51.100.77", door="web", key="x", fingerprint="y"),
    ]
    assert [(one.ip, one.key, one.fingerprint) for one in read(form(lines))] == [
        (ANN, "laptop", "SHA256:laptop"),
        (BOB, "phone", "SHA256:phone"),
        ("192.0.2.9", "", ""),
    ]


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_closed_by_its_key(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """What a key has opened at the door ends, of every address; nothing else does."""
    lines = [
        *signed_opening(0, ANN),
        *signed_opening(60, BOB),
        *signed_opening(120, "192.0.2.9", key="phone"),
        *signed_opening(120, ANN, door="web"),
        entry(180, "signed-closed", "192.0.2.50", key="laptop", fingerprint="SHA256:laptop"),
        entry(180, "command", ANN, command=f"stop {ANN}"),
        entry(180, "command", BOB, command=f"stop {BOB}"),
        entry(180, "command-failed", BOB, status=1),
    ]
    found = read(form(lines))
    assert [one.end for one in found] == [End.BY_KEY, End.NOT_CLOSED, End.UNKNOWN, End.UNKNOWN]
    assert found[0].closed is not None
    assert found[0].closed // 60 == (NOON + 180) // 60
    assert found[2].closer == "still open at the end of the log"


@pytest.mark.parametrize("form", [list, classic], ids=["json", "classic"])
def test_renewed_by_a_signed_knock(form: Callable[[list[Entry]], list[Entry]]) -> None:
    """A renewal ends what was open and begins anew, by that key."""
    lines = [
        *opening(0, ANN, stop=""),
        *signed_opening(60, ANN, event="signed-renewed"),
        entry(120, "command-timeout", ANN),
        entry(120, "command", ANN, command=f"stop {ANN}"),
    ]
    lines.insert(3, entry(60, "command", ANN, command=f"stop {ANN}"))
    first, second = read(form(lines))
    assert (first.end, first.key) == (End.RENEWED, "")
    assert (second.end, second.key) == (End.TIMEOUT, "laptop")


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys and addresses a log has, few are remembered."""
    monkeypatch.setattr(module, "MOST_RUNNING", 8)
    openings = Openings()
    for number in range(500):
        for one in signed_opening(number, f"192.0.2.{number % 250}", key=f"k{number % 50}"):
            if one.event == "open":
                openings.open(one, True)
            elif one.event == "signed-opened":
                openings.name_key(one)
    assert len(openings._of_keys) <= 10
    assert all(len(ips) <= module.MOST_OF_ADDRESS for ips in openings._of_keys.values())


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not closed by anyone is forgotten, the oldest first."""
    monkeypatch.setattr(module, "MOST_RUNNING", 8)
    openings = Openings()
    for number in range(100):
        one = entry(number, "open", f"192.0.2.{number}")
        openings.open(one, True)
        openings.run_command(one._replace(event="command", fields={"command": "x"}))
    assert sum(1 for _ in openings._all()) == 8
    assert len(openings._last) <= 18
