"""A screen that is drawn in place. How it goes with signals on a real terminal is in test_watch.py."""

from __future__ import annotations

import os
import signal

import pytest

from knockd.ctl.live_screen import ENDING, LiveScreen


def nothing() -> None:
    """Nobody wants to hear of it."""


def test_entered_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    """The screen and the signals are given back, whatever happens."""
    before = [signal.getsignal(number) for number in ENDING]

    def draw() -> None:
        with LiveScreen(nothing, nothing) as screen:
            assert before != [signal.getsignal(number) for number in ENDING]
            screen.draw(["one", "two"])
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        draw()
    out = capsys.readouterr().out
    assert "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2Kone\n\x1b[2Ktwo\x1b[J\x1b[?25h\x1b[?1049l" == out
    assert before == [signal.getsignal(number) for number in ENDING]


def test_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What has no room is counted in the last line."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((80, 5)))
    with LiveScreen(nothing, nothing) as screen:
        screen.draw([str(number) for number in range(10)])
    drawn = [
        line.removeprefix("\x1b[H").removeprefix("\x1b[2K") for line in capsys.readouterr().out.split("\n")
    ]
    assert ["1", "2"] == drawn[1:3]
    assert drawn[3].startswith("(7 more lines: knockctl status | less)")
    assert len(drawn) == 4
