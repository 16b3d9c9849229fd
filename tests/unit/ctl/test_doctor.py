"""knockctl doctor: its options, what it prints and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from knockd.ctl.cli import main
from knockd.doctor import examination
from knockd.doctor.findings import Finding, Looked
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.fleets import fleet, store
from tests.support.samples.statuses import BUSY

BAD = Looked("daemons", (Finding("no-daemon", "no knockd runs here", "start it"),))
NO_DAEMON = ("--socket", "/nowhere/knockd.sock")

Seen = list[tuple[str, Any, Any]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """A host on which nothing is wrong; with which file, and answers of the daemon, it is looked at."""
    made: Seen = []

    def examine(path: str, asked: object, fleet: object) -> Iterator[Looked]:
        made.append((path, asked, fleet))
        yield Looked("clock")

    monkeypatch.setattr(examination, "examine", examine)
    return made


def test_well(seen: Seen, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 0 and a line; without a daemon the configuration is the usual one."""
    assert 0 == main(["doctor", *NO_DAEMON])
    assert "1 thing looked at, all well\n" == capfd.readouterr().out
    path, asked, fleet = seen[0]
    assert "/etc/knockd.conf" == path
    assert "/nowhere/knockd.sock" in asked
    assert fleet == asked


def test_unwell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1 when something is wrong."""
    monkeypatch.setattr(examination, "examine", lambda *_: iter([BAD]))
    assert 1 == main(["doctor", *NO_DAEMON])
    assert capfd.readouterr().out.startswith("locks out  no knockd runs here\n")


def test_json(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """--json prints one object, with the same status."""
    monkeypatch.setattr(examination, "examine", lambda *_: iter([BAD]))
    assert 1 == main(["doctor", "--json", *NO_DAEMON])
    assert json.loads(capfd.readouterr().out)["well"] is False


@pytest.mark.usefixtures("gone")
def test_no_working_directory(seen: Seen, capfd: pytest.CaptureFixture[str]) -> None:
    """Where it is gone the configuration needs an absolute path."""
    assert 0 == main(["doctor", "-c", "/k.conf", *NO_DAEMON])
    assert "/k.conf" == seen[0][0]
    assert os.EX_USAGE == main(["doctor", "-c", "k.conf", *NO_DAEMON])
    said = "--config: expected an absolute path, for there is no working directory: No such file or directory"
    assert said in capfd.readouterr().err


def test_a_fleet(seen: Seen, daemon: CannedDaemon) -> None:
    """A daemon that has one is asked for it, too."""
    daemon.answers |= {"Status": BUSY, "Fleet": fleet()}
    main(["doctor"])
    daemon.answers |= {"Status": {**BUSY, "fleet": store()}}
    main(["doctor"])
    daemon.answers |= {"Fleet": ("NoFleet", {})}
    main(["doctor"])
    without = "the daemon has no fleet: knockctl reload"
    assert [without, fleet(), "it answers NoFleet"] == [asked for _, _, asked in seen]


def test_a_running_daemon(seen: Seen, daemon: CannedDaemon) -> None:
    """Its answer is looked at, and its configuration unless another one is named."""
    daemon.answers["Status"] = {**BUSY, "config": "/srv/knockd.conf"}
    assert 0 == main(["doctor"])
    assert 0 == main(["doctor", "-c", "my.conf"])
    assert ["/srv/knockd.conf", os.path.abspath("my.conf")] == [path for path, _, _ in seen]
    assert "/srv/knockd.conf" == seen[1][1]["config"]


def test_a_daemon_that_starts(seen: Seen, daemon: CannedDaemon) -> None:
    """That it does not say how it is, is said."""
    daemon.answers["Status"] = ("NotNow", {"life": "starting"})
    assert 0 == main(["doctor"])
    assert "it answers NotNow" == seen[0][1]


def test_usage(capfd: pytest.CaptureFixture[str]) -> None:
    """A wrong option is said in a sentence, with status 64."""
    assert os.EX_USAGE == main(["doctor", "--fast"])
    err = capfd.readouterr().err
    assert err.startswith("knockctl doctor: unrecognized arguments: --fast\n")


def test_knock(monkeypatch: pytest.MonkeyPatch) -> None:
    """--knock tries a door; the status is that of the knock."""
    given: list[object] = []

    def run_knock(path: str, name: str, asked: str, *, delay: int, columns: int) -> int:
        assert "/nowhere/knockd.sock" in asked
        given.extend((path, name, delay, columns))
        return 77

    monkeypatch.setattr("knockd.doctor.knock.run_knock", run_knock)
    monkeypatch.setenv("COLUMNS", "90")
    assert 77 == main(["doctor", "-c", "my.conf", "--knock", "ssh", "--delay", "200", *NO_DAEMON])
    assert [os.path.abspath("my.conf"), "ssh", 200, 90] == given
    assert 77 == main(["doctor", "--knock", "ssh", *NO_DAEMON])
    assert ["/etc/knockd.conf", "ssh", 0, 90] == given[4:]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--delay", "5"), "--delay: expected with --knock"),
        (("--knock", "ssh", "--json"), "--json: expected without --knock"),
        (("--knock", "ssh", "--delay", "x\x1b"), "--delay: expected whole milliseconds, got 'x"),
        (("--knock", "ssh", "--delay", "1000000"), "expected whole milliseconds, got '1000000'"),
    ],
)
def test_knock_usage(words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What does not go together is said."""
    assert os.EX_USAGE == main(["doctor", *words])
    assert said in capfd.readouterr().err
