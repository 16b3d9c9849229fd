"""knockctl forget as a whole."""

from __future__ import annotations

import json

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import lease

REPLY = {"lease": lease("ssh", "::1", state="failed"), "command": "iptables -D INPUT \x1b[2J"}


def test_forget(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """It says what is left, and the command that would have undone it."""
    daemon.answers["Forget"] = REPLY
    assert cli.main(["forget", "9f86d081884c7d65"]) == 0
    assert [
        "forgotten: ssh for ::1, which stays open until you close it.",
        "This was its stop command, which is not run any more:",
        r"  iptables -D INPUT \x1b[2J",
    ] == capfd.readouterr().out.splitlines()
    assert [("Forget", {"lease": "9f86d081884c7d65"})] == daemon.calls


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came."""
    daemon.answers["Forget"] = REPLY
    assert cli.main(["forget", "x", "--json"]) == 0
    assert REPLY == json.loads(capfd.readouterr().out)


def test_no_such_lease(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """A lease that is not there: status 1."""
    daemon.answers["Forget"] = ("NoSuchLease", {"asked": "x"})
    assert cli.main(["forget", "x"]) == 1
    assert "knockctl forget: there is no lease 'x'; knockctl status names" in capfd.readouterr().err
