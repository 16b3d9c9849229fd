"""knockctl extend as a whole."""

from __future__ import annotations

import json

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import lease

LEASE = {"lease": lease("ssh", "::1", seconds_left=7_200.0)}


def test_extend(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """It says how long the door is open now."""
    daemon.answers["Extend"] = LEASE
    assert cli.main(["extend", "ssh", "::1", "90"]) == 0
    assert "ssh for ::1 is open, 2 h left\n" == capfd.readouterr().out
    assert [("Extend", {"door": "ssh", "address": "::1", "seconds": 90.0})] == daemon.calls


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came."""
    daemon.answers["Extend"] = LEASE
    assert cli.main(["extend", "ssh", "::1", "2h", "--json"]) == 0
    assert LEASE == json.loads(capfd.readouterr().out)


def test_nobody_in(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Who is not in gets no more time: status 1."""
    daemon.answers["Extend"] = ("NoSuchLease", {"asked": "ssh for ::1"})
    assert cli.main(["extend", "ssh", "::1", "2h"]) == 1
    expected = "knockctl extend: ssh for ::1 is not open; see: knockctl status\n"
    assert ("", expected) == tuple(capfd.readouterr())
