"""knockctl doctor: its options, what it prints and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from knockd.ctl.cli import main
from knockd.doctor import examination
from knockd.doctor.findings import Finding, Looked

BAD = Looked("daemons", (Finding("no-daemon", "no knockd runs here", "start it"),))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host on which nothing is wrong; the files with which it is looked at."""
    seen: list[str] = []

    def examine(path: str, _asked: object) -> Iterator[Looked]:
        seen.append(path)
        yield Looked("clock")

    monkeypatch.setattr(examination, "examine", examine)
    return seen


def test_well(asked: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Status 0 and a line; the configuration is the usual one."""
    assert 0 == main(["doctor"])
    assert "1 thing looked at, all well\n" == capfd.readouterr().out
    assert "/etc/knockd.conf" == asked[0]


def test_unwell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1 when something is wrong."""
    monkeypatch.setattr(examination, "examine", lambda *_: iter([BAD]))
    assert 1 == main(["doctor"])
    assert capfd.readouterr().out.startswith("locks out  no knockd runs here\n")


def test_json(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """--json prints one object, with the same status."""
    monkeypatch.setattr(examination, "examine", lambda *_: iter([BAD]))
    assert 1 == main(["doctor", "--json"])
    assert json.loads(capfd.readouterr().out)["well"] is False


def test_file(asked: list[str]) -> None:
    """-c names another file."""
    assert 0 == main(["doctor", "-c", "my.conf"])
    assert "my.conf" == asked[0]


def test_usage(capfd: pytest.CaptureFixture[str]) -> None:
    """A wrong option is said in a sentence, with status 64."""
    assert os.EX_USAGE == main(["doctor", "--fast"])
    err = capfd.readouterr().err
    assert err.startswith("knockctl doctor: unrecognized arguments: --fast\n")
