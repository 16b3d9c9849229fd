"""What the output is, and how it is written to."""

from __future__ import annotations

import io
import os
import sys
import time

import pytest

from knockd.ctl import terminal
from knockd.ctl.terminal import (
    Progress,
    complain,
    find_columns,
    find_lines,
    prepare_output,
    shows_blocks,
    wants_colour,
)


@pytest.fixture
def terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both outputs are terminals, 132 columns wide."""
    monkeypatch.setattr(os, "isatty", lambda _descriptor: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((132, 40)))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.usefixtures("terminals")
def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is for terminals that show it, and only where nobody said NO_COLOR."""
    assert wants_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour()
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour()


def test_no_colour_for_a_file() -> None:
    """What is no terminal gets no colour."""
    assert not wants_colour()


@pytest.mark.usefixtures("terminals")
def test_width_of_a_terminal() -> None:
    """A terminal is as wide as it is."""
    assert find_columns() == 132


@pytest.mark.usefixtures("terminals")
def test_height_of_a_terminal() -> None:
    """A terminal has room for its lines but one: the next prompt."""
    assert find_lines(45) == 39


def test_height_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no terminal, or one that does not say its size, gets the default."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((0, 0)))
    assert find_lines(45) == 45


@pytest.mark.parametrize(
    ("columns", "expected"), [("", 80), ("100", 100), ("7", 40), ("x", 80), ("99999", 80)]
)
def test_width_of_a_file(columns: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else COLUMNS says it, if that is sensible."""
    monkeypatch.setenv("COLUMNS", columns)
    assert expected == find_columns()


@pytest.mark.parametrize(
    ("encoding", "blocks", "written"), [("ascii", False, rb"t\xfcr"), ("utf-8", True, "tür".encode())]
)
def test_encodings(encoding: str, blocks: bool, written: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that an encoding lacks are escapes, and it is known whether it has blocks."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, write_through=True))
    prepare_output()
    print("tür")
    assert written + b"\n" == raw.getvalue()
    assert blocks == shows_blocks()


def test_complaints(capsys: pytest.CaptureFixture[str]) -> None:
    """A message names the command, on standard error."""
    complain("no such file")
    assert "knockctl log: no such file\n" == capsys.readouterr().err


@pytest.mark.usefixtures("terminals")
def test_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After a second it says how much was read, five times a second at most, and goes away."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Progress()
    progress.report(1, 100)
    progress.clear()
    assert "" == capsys.readouterr().err
    now += 1.0
    progress.report(5_000_000, 20_000_000)
    progress.report(6_000_000, 20_000_000)
    assert "\rreading: 25 % of 20 MB " == capsys.readouterr().err
    now += 0.2
    progress.report(7_000_000, 0)
    progress.clear()
    assert "\rreading: 7 MB \r" + " " * 40 + "\r" == capsys.readouterr().err


def test_no_progress_for_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal nothing is said."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = terminal.Progress()
    now += 10
    progress.report(1, 100)
    assert "" == capsys.readouterr().err
