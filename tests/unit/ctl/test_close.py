"""knockctl close as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import lease

NOTHING: dict[str, Any] = {"closed": [], "failed": [], "running": []}


def test_closed(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Each door that was closed is named."""
    leases = [lease("ssh", "203.0.113.7"), lease("ssh", "2001:db8::7")]
    daemon.answers["Close"] = {**NOTHING, "closed": leases}
    assert cli.main(["close", "ssh"]) == 0
    expected = "ssh is closed for 203.0.113.7\nssh is closed for 2001:db8::7\n"
    assert expected == capfd.readouterr().out


def test_not_closed(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """What stays open is said with status 1."""
    failed = [lease("ssh", "203.0.113.7", state="retrying", failures=1)]
    daemon.answers["Close"] = {**NOTHING, "failed": failed}
    assert cli.main(["close", "203.0.113.7"]) == 1
    assert "ssh for 203.0.113.7 is still open" in capfd.readouterr().out
    daemon.answers["Close"] = {**NOTHING, "running": [lease("ssh", "203.0.113.7", state="stopping")]}
    assert cli.main(["close", "203.0.113.7"]) == 1
    assert "is being closed" in capfd.readouterr().out


def test_nothing(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """There may be nothing to close."""
    daemon.answers["Close"] = NOTHING
    assert cli.main(["close", "all"]) == 0
    assert "nothing was open\n" == capfd.readouterr().out


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came."""
    daemon.answers["Close"] = NOTHING
    assert cli.main(["close", "--all", "--json"]) == 0
    assert NOTHING == json.loads(capfd.readouterr().out)


def test_what_is_closed(daemon: CannedDaemon) -> None:
    """A door, an address, both or all; a door may be called all."""
    daemon.answers["Close"] = NOTHING
    for arguments in (["ssh", "::1"], ["::1"], ["all"], ["--all"], ["--door", "all"], ["--ip", "::2"]):
        cli.main(["close", *arguments])
    assert [
        {"door": "ssh", "address": "::1"},
        {"address": "::1"},
        {"all": True},
        {"all": True},
        {"door": "all"},
        {"address": "::2"},
    ] == [parameters for _, parameters in daemon.calls]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "expected a door, an address or all, got none"),
        (["ssh", "web"], "expected one door, got 'ssh' and 'web'"),
        (["--all", "ssh"], "--all closes everything: it goes with no door and no address"),
    ],
)
def test_mistakes(arguments: list[str], expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A command line that cannot be is not sent."""
    assert cli.main(["close", *arguments]) == 64
    assert f"knockctl close: {expected}\ntry 'knockctl close --help'\n" == capfd.readouterr().err
