"""knockctl open as a whole."""

from __future__ import annotations

import json

import pytest

from knockd.ctl import cli
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.samples.statuses import lease

LEASE = {"lease": lease("ssh", "2001:db8::7", by="by hand, root", seconds_left=600.0)}


def test_open(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """It says until when the door is open."""
    daemon.answers["Open"] = LEASE
    assert cli.main(["open", "ssh", "2001:DB8::7", "--for", "10m"]) == 0
    assert "ssh for 2001:db8::7 is open, 10 min left\n" == capfd.readouterr().out
    assert [("Open", {"door": "ssh", "address": "2001:db8::7", "seconds": 600.0})] == daemon.calls


def test_without_a_time(daemon: CannedDaemon) -> None:
    """Without --for the door's own time counts."""
    daemon.answers["Open"] = LEASE
    assert cli.main(["open", "ssh", "2001:db8::7"]) == 0
    assert [("Open", {"door": "ssh", "address": "2001:db8::7"})] == daemon.calls


def test_where_the_knock_would_come(daemon: CannedDaemon) -> None:
    """What a knock says besides its source can be said, too."""
    daemon.answers["Open"] = LEASE
    assert cli.main(["open", "ssh", "::1", "--destination", "::2", "--interface", "eth0"]) == 0
    assert [
        ("Open", {"door": "ssh", "address": "::1", "destination": "::2", "interface": "eth0"})
    ] == daemon.calls


def test_no_stop_command(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """A door that nothing closes is said to be one."""
    daemon.answers["Open"] = {}
    assert cli.main(["open", "wake", "::1"]) == 0
    expected = "wake was opened for ::1; it has no stop command, so nothing closes it\n"
    assert expected == capfd.readouterr().out


def test_start_command_failed(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """What did not open has status 1."""
    daemon.answers["Open"] = {"lease": lease("ssh", "::1", unopened=True)}
    assert cli.main(["open", "ssh", "::1"]) == 1
    assert "was not opened" in capfd.readouterr().out


def test_json(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """The answer as it came."""
    daemon.answers["Open"] = LEASE
    assert cli.main(["open", "ssh", "::1", "--json"]) == 0
    assert LEASE == json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ssh"], "the following arguments are required: IP"),
        (["::1", "ssh"], "IP: expected an address such as 203.0.113.7 or 2001:db8::7, got 'ssh'"),
        (["ssh", "::1", "--for", "soon"], "--for: expected a time such as 90, 90s, 10m or 2h,"),
    ],
)
def test_mistakes(arguments: list[str], expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A command line that cannot be is not sent."""
    assert cli.main(["open", *arguments]) == 64
    assert capfd.readouterr().err.startswith(f"knockctl open: {expected}")


def test_a_note(daemon: CannedDaemon, capfd: pytest.CaptureFixture[str]) -> None:
    """Why a knock would not have opened it is said below."""
    daemon.answers["Open"] = {**LEASE, "note": "a knock would not have opened it: it has expired"}
    assert cli.main(["open", "ssh", "::1"]) == 0
    assert capfd.readouterr().out.endswith(" left\nnote: a knock would not have opened it: it has expired\n")
