"""knockctl test as a whole."""

from __future__ import annotations

import json

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.unit.ctl.test_rehearsal import run


def test_it_would_work(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """What would be run is printed, with status 0."""
    reply = {"start": run("true", ["true"]), "stop": None, "seconds": 0.0, "obstacle": None}
    daemon.answers["Test"] = reply
    assert cli.main(["test", "ssh", "::1"]) == 0
    assert '\n  words        "true"\n' in capfd.readouterr().out
    assert cli.main(["test", "ssh", "::1", "--json"]) == 0
    assert reply == json.loads(capfd.readouterr().out)
    assert ("Test", {"door": "ssh", "address": "::1"}) == daemon.calls[0]


def test_it_would_not_work(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """What is in the way is said, with status 1."""
    daemon.answers["Test"] = {"start": None, "seconds": 0.0, "obstacle": "no command for IPv6"}
    assert cli.main(["test", "ssh", "::1"]) == 1
    assert "It would not work: no command for IPv6" in capfd.readouterr().out
