"""knock and knockd with a rotating sequence, from knockctl keygen to the open port."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.client.status import OK, TEMPORARY
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER
from tests.support.lab.services import TcpService, can_connect, wait_closed
from tests.support.lab.tools import need

PERIOD = 10
"""Seconds: the shortest period there is, since tests wait for the next one."""

CTL = (sys.executable, "-m", "knockd.ctl")


class Keyed:
    """A door with a key on the server, and a client that has imported it as the profile ``home``."""

    def __init__(self, pair: Pair, start: Start, folder: Path, host: str = SERVER[4], **keys: object) -> None:
        self.pair = pair
        self.folder = folder
        keyfile = folder / "server.keys"
        self.control("keygen", "alice", "--file", keyfile)
        start_command, stop, start_6, stop_6 = FIREWALLS["nftables"].commands("tcp")
        lines = {
            **{"Sequence_Key": keyfile, "Sequence_Period": PERIOD, "Seq_Timeout": 8, "Cmd_Timeout": 2},
            **{"Start_Command": start_command, "Stop_Command": stop},
            **{"Start_Command_6": start_6, "Stop_Command_6": stop_6, **keys},
        }
        text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        self.daemon: Daemon = start(pair.server, f"[options]\nClock = trust\n\n[ssh]\n{text}")
        config = ("-c", self.daemon.config_path)
        exported = self.control("export", "ssh", "--host", host, "--verify", SECRET, *config)
        self.uri = exported.strip()
        assert OK == self.knock("--import", "-", "home", stdin=self.uri).returncode

    def control(self, *argv: object) -> str:
        """What a subcommand of knockctl prints."""
        done = subprocess.run(
            [*CTL, *map(str, argv)], env=environment(), capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def noted(self) -> int:
        """The period that the client has noted as used."""
        (note,) = [one for one in (self.folder / "knock").iterdir() if re.fullmatch("[0-9a-f]{32}", one.name)]
        return int(note.read_text())

    def knock(self, *argv: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the client on its host, with its profile."""
        variables = [f"{name}={self.folder}" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")]
        variables.append(f"PYTHONPATH={environment()['PYTHONPATH']}")
        command = ["env", *variables, sys.executable, "-m", "knockd.client", *map(str, argv)]
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{SERVER[4]} both\n{SERVER[6]} both\n")
        with_hosts = ["unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
        return subprocess.run(
            [*self.pair.client.exec_prefix, *with_hosts, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def service(pair: Pair) -> Iterator[Pair]:
    """A service behind a firewall that drops everything, and both hosts."""
    need("nft")
    FIREWALLS["nftables"].close(pair.server)
    with TcpService(pair.server, SECRET):
        yield pair


@pytest.mark.parametrize("protocol", ["tcp", "mixed"])
def test_a_profile_that_was_imported_opens_the_door(
    service: Pair, start: Start, tmp_path: Path, protocol: str
) -> None:
    """From keygen over export and import to the knock: the port is open when the client ends."""
    ports = "1024-30000"  # none that the hosts send from
    door = Keyed(service, start, tmp_path, Sequence_Protocol=protocol, Sequence_Ports=ports)
    assert not can_connect(service.client, SERVER[4], SECRET)
    done = door.knock("home")
    assert (OK, "") == (done.returncode, done.stdout), done.stderr
    assert can_connect(service.client, SERVER[4], SECRET)
    door.daemon.wait_for(f"{CLIENT[4]}: ssh: OPEN SESAME")


def test_the_next_knock_waits_for_the_next_period(service: Pair, start: Start, tmp_path: Path) -> None:
    """A second knock in a period sends nothing while the port is open, and waits when it is closed."""
    door = Keyed(service, start, tmp_path, Cmd_Timeout=6)
    assert OK == door.knock("home").returncode
    for _ in range(8):  # until a knock falls into the period of the one before it, and the port is still open
        again = door.knock("home")
        if "the present sequence has opened it" in again.stderr:
            break
    assert (OK, 1) == (again.returncode, again.stderr.count("the present sequence has opened it"))
    opened = door.daemon.count("OPEN SESAME")
    wait_closed(service.client, SERVER[4], SECRET)
    noted, begun = door.noted(), time.time()
    later = door.knock("home")
    assert OK == later.returncode
    door.daemon.wait_for("OPEN SESAME", times=opened + 1)
    waited = re.search(r"knock: next sequence in (\d+) s\n", later.stderr)
    if waited is None:  # then the period was about to end
        assert noted < (begun + 2) // PERIOD
    else:
        assert 1 <= int(waited[1]) <= PERIOD


def test_another_key_opens_nothing(service: Pair, start: Start, tmp_path: Path) -> None:
    """With a key that the daemon does not have, the status is 75, and the sentence names the key."""
    door = Keyed(service, start, tmp_path)
    (tmp_path / "knock" / "home.key").write_text(door.control("keygen", "alice"))
    done = door.knock("--tries", 1, "home")
    assert TEMPORARY == done.returncode
    assert "look at this machine's clock, and at key, door, steps, period and ports" in done.stderr
    assert 0 == door.daemon.count("OPEN SESAME")


@pytest.mark.parametrize("lost", [4, 6])
def test_the_address_that_works(service: Pair, start: Start, tmp_path: Path, lost: int) -> None:
    """With --both a sequence goes to one address after the other: where one path is dead the other opens."""
    door = Keyed(service, start, tmp_path, host="both")
    family = {4: "ip", 6: "ip6"}[lost]
    rules = (
        f"table {family} t {{ chain out {{ type filter hook output priority 0; meta l4proto tcp drop; }}; }}"
    )
    service.client.run("nft", "-f", "-", stdin=rules)
    done = door.knock("--both", "home")
    assert OK == done.returncode, done.stderr
    works = {4: 6, 6: 4}[lost]
    door.daemon.wait_for(f"{CLIENT[works]}: ssh: OPEN SESAME")
    assert 1 == door.daemon.count("OPEN SESAME")
