"""Openings and commands in the order of time."""

from __future__ import annotations

import pytest

from knockd.replay import outcome
from tests.support.doubles.played import door
from tests.support.doubles.replays import BOB, frame, replayed, told

SSH = door("1", "ssh", start_command="open %IP%", stop_command="close %IP%", cmd_timeout=10.0)


def test_in_order() -> None:
    """What closes stands between the openings, and what closes after the end comes last."""
    assert [
        "0 open ssh 192.0.2.1 10.0.0.1",
        "0 start ssh 192.0.2.1 open 192.0.2.1",
        "10 stop ssh 192.0.2.1 close 192.0.2.1",
        "12 open ssh 192.0.2.2 10.0.0.1",
        "12 start ssh 192.0.2.2 open 192.0.2.2",
        "22 stop ssh 192.0.2.2 close 192.0.2.2",
    ] == told(replayed([frame(0, 1), frame(12, 1, BOB)], SSH))


def test_clock_set_back() -> None:
    """What closes after the clock was set back is told by the clock as it is then."""
    assert "50 stop" in told(replayed([frame(100, 1), frame(40, 22)], SSH))[-1]


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines are kept and the others counted."""
    monkeypatch.setattr(outcome, "MOST_LINES", 4)
    timeline = replayed([frame(0, 1), frame(12, 1, BOB)], SSH).timeline
    assert (4, 2, 2) == (len(timeline.lines), timeline.left_out, timeline.opened)


def test_one_time_door() -> None:
    """A one-time door opens once; its number is noted."""
    once = door("1", "otp", start_command="a", one_time_file="/etc/knockd/otp")
    timeline = replayed([frame(0, 1), frame(1, 1)], once).timeline
    assert (1, {0}) == (timeline.opened, timeline.used)
