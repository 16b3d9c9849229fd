"""Whether the clock is set."""

from __future__ import annotations

import pytest

from knockd.doctor import clock as module
from knockd.doctor.clock import judge_clock, judge_synchronisation, look_at_clock
from knockd.net.programs import UnreadableError

YEAR = 365 * 86_400.0


def test_a_clock_that_is_not_set() -> None:
    """A clock that is before the installation is told of, with the day that it says."""
    (finding,) = judge_clock(0.0, 56 * YEAR)
    assert "clock-wrong" == finding.name
    assert "the clock says 1970-01-01, before knockd was installed" == finding.text


def test_a_clock_that_is_set() -> None:
    """One that is later, or a few hours earlier, is well."""
    assert () == judge_clock(57 * YEAR, 56 * YEAR)
    assert () == judge_clock(56 * YEAR - 3600, 56 * YEAR)


@pytest.mark.parametrize(("said", "expected"), [("no\n", ["clock-loose"]), ("yes\n", []), ("", [])])
def test_synchronisation(said: str, expected: list[str]) -> None:
    """Only a clear no is a finding."""
    assert expected == [one.name for one in judge_synchronisation(said)]


def test_systemd_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """timedatectl is asked where systemd runs; why it was not is said."""

    def refuse(*_: object) -> str:
        raise UnreadableError("timedatectl: timed out")

    monkeypatch.setattr(module, "find_program", lambda name: name)
    monkeypatch.setattr("os.path.isdir", lambda _: True)
    monkeypatch.setattr(module, "run_program", lambda *_: "no\n")
    assert ["clock-loose"] == [one.name for one in look_at_clock().findings]
    monkeypatch.setattr(module, "run_program", refuse)
    assert ("whether it is kept in time (timedatectl: timed out)",) == look_at_clock().unlooked
    monkeypatch.setattr(module, "find_program", lambda _: None)
    assert ("whether it is kept in time: there is no systemd to ask",) == look_at_clock().unlooked
