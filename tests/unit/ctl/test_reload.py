"""knockctl reload as a whole."""

from __future__ import annotations

import json
import os

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon

PROBLEMS = [
    {"path": "/k.conf", "line": 7, "text": "expected a port\x1b"},
    {"path": "/k.conf", "line": None, "text": "expected a door"},
]


def test_good(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Notes are told on standard output, and how many doors are in effect."""
    daemon.answers["Reload"] = {"doors": 2, "notes": ["ssh: no stop command"]}
    assert cli.main(["reload"]) == 0
    assert ("note: ssh: no stop command\nin effect: 2 doors\n", "") == tuple(capfd.readouterr())


def test_bad(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Every problem is told with its place, and the status is 78."""
    daemon.answers["Reload"] = ("ConfigRefused", {"problems": PROBLEMS})
    assert os.EX_CONFIG == cli.main(["reload"])
    out, err = capfd.readouterr()
    assert "" == out
    assert [
        r"knockctl reload: /k.conf:7: expected a port\x1b",
        "knockctl reload: /k.conf: expected a door",
        "knockctl reload: the configuration is bad, the old one is kept",
    ] == err.splitlines()


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came, or the error with its parameters."""
    daemon.answers["Reload"] = {"doors": 2, "notes": []}
    assert cli.main(["reload", "--json"]) == 0
    assert {"doors": 2, "notes": []} == json.loads(capfd.readouterr().out)
    daemon.answers["Reload"] = ("ConfigRefused", {"problems": PROBLEMS})
    assert os.EX_CONFIG == cli.main(["reload", "--json"])
    expected = {"error": "ConfigRefused", "parameters": {"problems": PROBLEMS}}
    assert expected == json.loads(capfd.readouterr().out)
