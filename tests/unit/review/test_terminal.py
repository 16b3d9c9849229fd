"""A summary on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC

import pytest

from knockd.review.cells import width_of
from knockd.review.clock import Clock
from knockd.review.entries import Entry
from knockd.review.summarise import Review
from knockd.review.summary import Lines, Summary
from knockd.review.terminal import format_summary, share_lines
from tests.support.samples.entries import entry, opening, stages

ANN, EVE = "192.0.2.7", "2001:db8:1:2:3:4:5:6"
CLOCK = Clock(UTC)
HOUR, DAY = 3_600, 86_400

ADD, DELETE = "iptables -A INPUT -s %IP% -j ACCEPT", "iptables -D INPUT -s %IP% -j ACCEPT"


def summary_of(entries: Iterable[Entry], notices: Sequence[str] = ()) -> Summary:
    """The summary of a log."""
    review = Review(clock=CLOCK)
    entries = sorted(entries, key=lambda one: one.time)
    review.add_all(entries)
    return review.finish(Lines(len(entries) + 2, 0, 2, {"json": len(entries)}), notices)


def a_week() -> list[Entry]:
    """A log of a week: an owner who opens and closes, one who fails, and scanners."""
    found = [entry(0, "starting", door="", interface="eth0")]
    for day in range(7):
        at = day * DAY
        found += stages(at, ANN, 1, 2, 3, door="openSSH") + opening(at + 3, ANN, "openSSH", ADD, "")
        found += opening(at + 2 * HOUR, ANN, "closeSSH", DELETE, "")
        found += [
            *stages(at + 60, EVE, 1, 2, door="web"),
            entry(at + 62, "spoiled", EVE, "web", stage=2, steps=3),
        ]
        found += stages(at + 90, EVE, 1, 2, 3, door="web") + opening(at + 93, EVE, "web")
    for number in range(300):
        one = entry(number * 2_000, "guarded", f"198.51.100.{number % 256}", "openSSH", seconds=25.0)
        found += [one, one._replace(ip=f"203.0.113.{number % 3}", event="expired", fields={"stage": 1})]
    found += [entry(2 * DAY, "held-back", door="", count=4_000)]
    found += [entry(3 * DAY, "worker-lost", door="", reason="signal 11", seconds=1.0)]
    failed = opening(6 * DAY, ANN, "mail", span=60)
    return [*found, *failed, entry(6 * DAY + 60, "command-failed", ANN, "mail", status=2)]


SCREEN = """\
2026-09-21 14:13 to 2026-09-28 12:20, local time (UTC+00:00)
22 openings, 7 failed knocks of addresses that also opened, 600 failed knocks of
259 scanners, 4,000 lines held back
729 lines read: 727 json; 2 not understood, --unread shows them
3 things need a person:
  2026-09-27 14:14: mail may still be open for 192.0.2.7: its stop command
    failed, exit status 2; close it by hand, and mend its stop command
  2026-09-27 14:14: a command of mail failed: exit status 2; find out why, and
    mend it: stop 192.0.2.7
  2026-09-24 14:13: the daemon restarted itself: packet process ended (signal
    11), starting another in 1 s; look at the lines before it

  openings ▆       ▆       ▆       ▆       ▆       ▆       █        4
  failed   █       █       █       █       █       █       █        1
  scans    ▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▇█▇█▇▄ 12
           Sep 21 14:00          Sep 25 02:00          Sep 28 14:00

Doors
  door      openings  addresses  failed  guards  last opening
  closeSSH         7          1       0       0  Sep 27 16:13
  web              7          1       7       0  Sep 27 14:14
  openSSH          7          1     600     300  Sep 27 14:13
  mail             1          1       0       0  Sep 27 14:13

Openings (5 of 22: --list --what open)
  Sep 27 16:13  closeSSH  192.0.2.7             closed openSSH
  Sep 27 14:14  web       2001:db8:1:2:3:4:5:6  10 s, time over
  Sep 27 14:13  openSSH   192.0.2.7             1 h 59 min, closed by closeSSH
  Sep 27 14:13  mail      192.0.2.7             NOT CLOSED: its stop command fa…
  Sep 26 16:13  closeSSH  192.0.2.7             closed openSSH

Failed knocks of addresses that also opened
  Sep 27 14:14  web  2001:db8:1:2:3:4:5:6  7x wrong order after step 2 of 3

Scanners: 259 addresses that opened nothing (more: --list --what scan)
  source           addresses  attempts  guards  last          doors
  198.51.100.0/24        256       300     300  Sep 28 12:20  openSSH
  203.0.113.2              1       100       0  Sep 28 12:20  openSSH

Daemon
  Sep 24 14:13  RESTARTED ITSELF: packet process ended (signal 11), starting an…
  Sep 21 14:13  starting up, listening on eth0

Notes
  line 77: the clock went back
"""


def test_a_screen() -> None:
    """A week at 80 columns, as it is printed."""
    summary = summary_of(a_week(), ["line 77: the clock went back"])
    assert format_summary(summary, clock=CLOCK) == SCREEN.splitlines()


def test_nothing() -> None:
    """A log without an entry says so, and how much was read."""
    assert format_summary(Review().finish()) == ["No entries to show.", "0 lines read"]


def test_one_entry() -> None:
    """One entry is a screen."""
    lines = format_summary(summary_of([entry(0, "stopping", door="")]), clock=CLOCK)
    assert lines[-2:] == ["Daemon", "  Sep 21 14:13  shutting down"]


NAME = "门口的名字" * 40 + "\x1b[2J\r\n<b>"


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("unicode", [True, False], ids=["unicode", "ascii"])
def test_width_and_height(columns: int, unicode: bool) -> None:
    """However long names are and however many there are, it is one screen, and no line is too wide."""
    lines: list[Entry] = []
    for number in range(3_000):
        door = f"{NAME}{number}"
        lines += opening(number * 60, f"2001:db8::{number:x}", door)
        lines += [entry(number * 60 + 30, "guarded", f"2001:db8::{number:x}", door, seconds=2.0)]
        lines += [entry(number * 60 + 30, "guarded", f"2001:db8:{number:x}::", door, host="h" * 200)]
        lines += [entry(number * 60 + 40, "config-problem", door="", problem=NAME)]
        lines += [entry(number * 60 + 40, "command-failed", f"2001:db8::{number:x}", door, status=number)]
    shown = format_summary(summary_of(lines, [NAME] * 9), columns, unicode=unicode, clock=CLOCK)
    assert len(shown) <= 45
    assert max(map(width_of, shown)) <= max(40, columns)
    assert all(line.isprintable() for line in shown)
    if not unicode:
        assert "…" not in "".join(shown)
        assert "█" not in "".join(shown)


def test_colour_adds_nothing_else() -> None:
    """With colour the text is the same."""
    summary = summary_of(a_week())
    coloured = format_summary(summary, colour=True, clock=CLOCK)
    assert any("\x1b[" in line for line in coloured)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == format_summary(summary, clock=CLOCK)


def test_lines_are_shared() -> None:
    """Each section gets its lines in turn until there are no more."""
    assert share_lines(6, [1, 9, 3], [1, 1, 1]) == [1, 3, 2]
    assert share_lines(9, [1, 9, 3], [1, 4, 1]) == [1, 6, 2]
    assert share_lines(99, [1, 2], [1, 1]) == [1, 2]
    assert share_lines(0, [1], [1]) == [0]
    assert share_lines(5, [], []) == []


@pytest.mark.parametrize("lines", [20, 23, 30, 45, 49])
def test_a_low_window(lines: int) -> None:
    """The screen fits a window: what needs a person is there, and what there is no room for is named."""
    shown = format_summary(summary_of(a_week(), ["a note"] * 9), lines=lines, clock=CLOCK)
    assert len(shown) <= lines
    assert "3 things need a person:" in shown
    assert any(line.startswith("  2026-09-27 14:14: mail may still be open") for line in shown)
    text = "\n".join(shown)
    assert "\nDoors" in text
    assert ("No room for:" in text) != ("\nDaemon" in text)


def test_what_needs_a_person_is_shared() -> None:
    """At most five sentences stand on top; behind them is said which option shows the others."""
    entries = [entry(0, "starting", door="", interface="eth0")]
    entries += [entry(9, "command-failed", door=f"door{at}", status=1) for at in range(9)]
    shown = format_summary(summary_of(entries), clock=CLOCK)
    at = shown.index("9 things need a person:")
    assert shown[at + 11] == "  ... and 4 more: -q --since 2026-09-21"
    assert "Commands that failed" in shown


def test_nothing_needs_a_person() -> None:
    """That is said; what does and was said on top is not said again."""
    assert "Commands that failed" not in SCREEN
    assert "Nothing needs a person." in format_summary(summary_of(stages(0, ANN, 1)), clock=CLOCK)


def test_long_notes() -> None:
    """A note that is wider than the screen is wrapped: its end may say what to do."""
    note = "knockd.log.1: it could not be read to its end, because it is damaged: see --unread"
    shown = format_summary(summary_of([entry(0, "stopping", door="")], [note]), 60, clock=CLOCK)
    assert [
        "Notes",
        "  knockd.log.1: it could not be read to its end, because it",
        "    is damaged: see --unread",
    ] == shown[-3:]
