"""Who may knock: Allow and Deny in the kernel's filter and in the daemon, and doors that have expired."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.processes import only_child
from tests.support.lab.services import send_knock

STEPS = ("700", "800", "900")
OTHER = {4: "10.7.0.77", 6: "fd00:7::4d"}
"""A second host of the network, which comes last in the test: its packets are behind all others."""

COMMANDS = {"start_command": "true %IP%", "stop_command": "true"}


def as_other(pair: Pair, version: int) -> None:
    """The client is another host from now on."""
    bits = 24 if version == 4 else 64
    once = ("nodad",) if version == 6 else ()
    pair.client.run("ip", "address", "del", f"{CLIENT[version]}/{bits}", "dev", "eth0")
    pair.client.run("ip", "address", "add", f"{OTHER[version]}/{bits}", "dev", "eth0", *once)


def knockctl(daemon: Daemon, verb: str, *words: str) -> str:
    """What knockctl says."""
    path = f"PYTHONPATH={environment()['PYTHONPATH']}"
    argv = ("env", path, sys.executable, "-m", "knockd.ctl", verb, "--socket", str(daemon.control_path))
    return daemon.host.run(*argv, *words)


def received(daemon: Daemon) -> int:
    """How many packets the kernel's filter has let through."""
    return int(json.loads(knockctl(daemon, "status", "--json"))["interfaces"][0]["received"])


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({"allow": f"{OTHER[4]}, {OTHER[6]}"}, {}),
        ({}, {"allow": f"{OTHER[4]}/32, {OTHER[6]}/128"}),
        ({"deny": f"{CLIENT[4]}, {CLIENT[6]}"}, {}),
        ({"allow": "all"}, {"deny": f"10.7.0.0/26, {CLIENT[6]}", "allow": "198.51.100.1"}),
    ],
    ids=["allow", "allow of all doors", "deny", "deny of all doors"],
)
@pytest.mark.parametrize("version", [4, 6])
def test_who_may_not_knock_is_not_heard(
    pair: Pair, start: Start, keys: dict[str, str], options: dict[str, str], version: int
) -> None:
    """Knocks of one who may not are no line of the log and never leave the kernel; others open the door."""
    daemon = start(pair.server, config(door("secret", ",".join(STEPS), **COMMANDS, **keys), **options))
    for _ in range(3):
        send_knock(pair.client, SERVER[version], *STEPS)
    as_other(pair, version)
    send_knock(pair.client, SERVER[version], *STEPS)
    daemon.wait_for("OPEN SESAME")
    assert received(daemon) == len(STEPS)
    assert daemon.count(CLIENT[version]) == 0


def test_one_door_is_for_everybody(pair: Pair, start: Start) -> None:
    """Where one door is for everybody the packets come through, and the other door is as quiet."""
    text = config(door("mine", "700,800,900", allow=OTHER[4], **COMMANDS), door("all", "710,810", **COMMANDS))
    daemon = start(pair.server, text)
    send_knock(pair.client, SERVER[4], "700", "800", "900", "710", "810")
    daemon.wait_for("all: OPEN SESAME")
    assert daemon.count("mine") == 0
    as_other(pair, 4)
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for("mine: OPEN SESAME")


def test_a_reload_changes_who_may_knock(pair: Pair, start: Start) -> None:
    """After HUP the new Allow counts, in the same packet process."""
    daemon = start(pair.server, config(door("secret", "700,800,900", allow=OTHER[4], **COMMANDS)))
    worker = only_child(daemon.pid)
    daemon.write_config(config(door("secret", "700,800,900", allow="10.7.0.0/24", **COMMANDS)))
    knockctl(daemon, "reload")
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for("OPEN SESAME")
    assert worker == only_child(daemon.pid)


def test_an_expired_door(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A knock at a door after its last day is refused with the reason; by hand it opens, and that is said."""
    done = tmp_path / "done"
    commands = {"start_command": f"touch {done}", "stop_command": "true"}
    daemon = start(pair.server, config(door("secret", "700,800,900", expires="2020-01-31", **commands)))
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for("secret: not opened: it has expired: its last day was 2020-01-31")
    assert not done.exists()
    assert daemon.count("OPEN SESAME") == 0
    said = knockctl(daemon, "open", "secret", CLIENT[4])
    assert "note: a knock would not have opened it: it has expired: its last day was 2020-01-31" in said
    assert done.exists()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_day_is_that_of_the_hosts_time_zone(
    pair: Pair, start: Start, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Where it is today, wherever the host is, a door opens whose last day is today."""
    if not Path("/usr/share/zoneinfo", zone).exists():
        pytest.skip("no time zones here: apt-get install tzdata")
    monkeypatch.setenv("TZ", zone)
    now = datetime.now(ZoneInfo(zone))
    text = config(
        door("secret", "700,800,900", expires=now.date(), **COMMANDS),
        door("gone", "710,810", expires=now.date() - timedelta(days=1), **COMMANDS),
    )
    daemon = start(pair.server, text)
    send_knock(pair.client, SERVER[4], *STEPS)
    send_knock(pair.client, SERVER[4], "710", "810")
    daemon.wait_for("gone: not opened: it has expired")
    if datetime.now(ZoneInfo(zone)).date() != now.date():
        pytest.skip("midnight came in between")
    daemon.wait_for("secret: running command")
