"""knockctl status as a whole."""

from __future__ import annotations

import json

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.fleets import fleet
from tests.support.samples.statuses import BUSY, UNWELL


def test_well(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """All is well: the screen, and status 0."""
    daemon.answers["Status"] = BUSY
    assert cli.main(["status"]) == 0
    out, err = capfd.readouterr()
    assert "\nWho is in: 3\n" in out
    assert "" == err
    assert [("Status", {})] == daemon.calls


def test_not_well(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Something is not well: status 1."""
    daemon.answers["Status"] = UNWELL
    assert cli.main(["status"]) == 1
    assert "\n3 things are not well:\n" in capfd.readouterr().out


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came, with the same exit status."""
    daemon.answers["Status"] = UNWELL
    assert cli.main(["status", "--json"]) == 1
    assert UNWELL == json.loads(capfd.readouterr().out)


def test_fleet(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The fleet is asked for in place of the status, as a screen or as it came; 1 when it is not well."""
    daemon.answers["Fleet"] = fleet()
    assert cli.main(["status", "--fleet"]) == 0
    assert "\nOpen in the fleet: 1\n" in capfd.readouterr().out
    daemon.answers["Fleet"] = fleet(forged=1)
    assert cli.main(["status", "--fleet", "--json"]) == 1
    assert fleet(forged=1) == json.loads(capfd.readouterr().out)
    assert [("Fleet", {})] * 2 == daemon.calls


def test_no_fleet(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """A gateway of none says so."""
    daemon.answers["Fleet"] = ("NoFleet", {})
    assert cli.main(["status", "--fleet"]) == 1
    assert "the configuration has no Fleet" in capfd.readouterr().err


@pytest.mark.parametrize("other", ["ssh", "--watch"])
def test_fleet_is_alone(daemon: CannedDaemon, other: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is of no door, and is not watched."""
    assert cli.main(["status", "--fleet", other]) == 64
    assert "--fleet: expected no " in capfd.readouterr().err
    assert daemon.calls == []


def test_of_a_door_or_an_address(daemon: CannedDaemon) -> None:
    """What was named is asked for."""
    daemon.answers["Status"] = BUSY
    cli.main(["status", "ssh"])
    cli.main(["status", "2001:DB8::7"])
    cli.main(["status", "--door", "192.0.2.1", "--ip", "192.0.2.2"])
    assert [
        ("Status", {"door": "ssh"}),
        ("Status", {"address": "2001:db8::7"}),
        ("Status", {"door": "192.0.2.1", "address": "192.0.2.2"}),
    ] == daemon.calls


def test_watch(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """With an error for an answer, --watch ends."""
    daemon.answers["Status"] = ("NoSuchDoor", {"door": "shh", "doors": ["ssh"]})
    for arguments in (["--watch"], ["--watch", "--json"]):
        assert cli.main(["status", "shh", *arguments]) == 64
        assert "did you mean 'ssh'?" in capfd.readouterr().err
