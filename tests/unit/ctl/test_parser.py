"""A parser whose mistakes are raised."""

from __future__ import annotations

import pytest

from knockd.ctl.parser import Parser, UsageError


def test_mistakes_are_raised() -> None:
    """Nothing is printed, and the process goes on."""
    with pytest.raises(UsageError, match="unrecognized arguments: --x"):
        Parser("knockctl a", "knockctl a", "does a", "").parse_args(["--x"])


def test_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The help is as wide as the terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(SystemExit):
        Parser("knockctl a", "knockctl a", "word " * 20, "").parse_args(["--help"])
    out = capsys.readouterr().out
    assert out.startswith("usage: knockctl a\n")
    assert max(map(len, out.splitlines())) <= 40
