"""knock at the real daemon and a real firewall: ports that open, profiles, one-time files, ssh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from knockd.client.status import OK, TEMPORARY
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import ROOT, environment
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, door
from tests.support.lab.hosts import Host
from tests.support.lab.services import BANNER, TcpService, can_connect, can_reach, wait_closed
from tests.support.lab.ssh import CLIENT as SSH_CLIENT
from tests.support.lab.ssh import SshServer, need_ssh
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.manuals import DOCS, read_blocks, read_sections

SSH_OPTIONS = SSH_CLIENT[2:]
"""Without the one that names no configuration."""

SEQUENCE = "31954,20677:udp,48012"
VERIFY = ("--verify", str(SECRET))
KNOCK = (sys.executable, "-m", "knockd.client")


def knock(host: Host, *argv: object, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the client on a host, with the profiles of ``home``."""
    folders = (f"{name}={home or '/nonexistent'}" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"))
    variables = [f"PYTHONPATH={environment()['PYTHONPATH']}", *folders]
    return host.status("env", *variables, *KNOCK, *map(str, argv))


def write_profiles(tmp_path: Path, text: str) -> Path:
    """A folder of configurations with these profiles."""
    (tmp_path / "knock").mkdir()
    (tmp_path / "knock" / "config").write_text(text)
    return tmp_path


@pytest.fixture
def closed(pair: Pair) -> Pair:
    """A server that drops whatever nobody has knocked for."""
    need("nft")
    FIREWALLS["nftables"].close(pair.server)
    return pair


def one_door(**keys: object) -> str:
    """A configuration with a door that opens the secret port for a knocker."""
    start, stop, start_6, stop_6 = FIREWALLS["nftables"].commands("tcp")
    commands = {"start_command": start, "stop_command": stop}
    commands |= {"start_command_6": start_6, "stop_command_6": stop_6}
    return config(door("secret", SEQUENCE, **{"cmd_timeout": 60, **commands, **keys}))


@pytest.mark.parametrize("version", [4, 6])
def test_the_port_has_opened_when_the_client_ends(closed: Pair, start: Start, version: int) -> None:
    """With --verify the status is 0, and the next connection is made at once."""
    daemon = start(closed.server, one_door())
    with TcpService(closed.server, SECRET):
        assert not can_connect(closed.client, SERVER[version], SECRET)
        done = knock(closed.client, *VERIFY, SERVER[version], SEQUENCE)
        assert (OK, "", "") == (done.returncode, done.stdout, done.stderr)
        assert can_connect(closed.client, SERVER[version], SECRET)
    assert 1 == daemon.count("OPEN SESAME")


def test_a_slow_command_is_waited_for(closed: Pair, start: Start) -> None:
    """A door whose command takes two seconds is knocked at once."""
    slow = FIREWALLS["nftables"].commands("tcp")[0]
    daemon = start(closed.server, one_door(start_command=f"sleep 2; {slow}"))
    with TcpService(closed.server, SECRET):
        assert OK == knock(closed.client, *VERIFY, SERVER[4], SEQUENCE).returncode
    assert 1 == daemon.count("OPEN SESAME")


def test_a_door_that_stays_closed(closed: Pair, start: Start) -> None:
    """With a wrong sequence the status is 75, and the reason is on standard error."""
    start(closed.server, one_door())
    with TcpService(closed.server, SECRET):
        done = knock(closed.client, *VERIFY, "--tries", 1, SERVER[4], "31954,20678:udp,48012")
    assert TEMPORARY == done.returncode
    expected = (
        f"knock: port {SECRET} of {SERVER[4]} did not open after 1 knock (no answer); the log of knockd"
    )
    assert done.stderr.startswith(expected)


def test_a_lost_packet(closed: Pair, start: Start) -> None:
    """A knock whose last packet is lost on the way is made good by the second one."""
    daemon = start(closed.server, one_door())
    lose = "tcp dport 48012 limit rate 1/hour burst 1 packets drop"
    rules = f"table ip t {{ chain out {{ type filter hook output priority 0; {lose}; }}; }}"
    closed.client.run("nft", "-f", "-", stdin=rules)
    with TcpService(closed.server, SECRET):
        done = knock(closed.client, "-v", *VERIFY, SERVER[4], SEQUENCE)
        assert (OK, "") == (done.returncode, done.stderr)
        assert 6 == done.stdout.count("hitting")
    assert 1 == daemon.count("OPEN SESAME")


def test_a_port_that_is_open_already(closed: Pair, start: Start) -> None:
    """The knock renews the opening, or with --if-needed is not sent; both are said."""
    daemon = start(closed.server, one_door())
    with TcpService(closed.server, SECRET):
        assert OK == knock(closed.client, *VERIFY, SERVER[4], SEQUENCE).returncode
        done = knock(closed.client, *VERIFY, SERVER[4], SEQUENCE)
        before = f"knock: port {SECRET} of {SERVER[4]} answers before the knock"
        assert (OK, f"{before}; knocking all the same\n") == (done.returncode, done.stderr)
        daemon.wait_for("OPEN SESAME", times=2)
        done = knock(closed.client, *VERIFY, "--if-needed", SERVER[4], SEQUENCE)
        assert (OK, f"{before}; no knock is needed\n") == (done.returncode, done.stderr)
    assert 2 == daemon.count("OPEN SESAME")


def test_a_profile_and_a_command(closed: Pair, start: Start, tmp_path: Path) -> None:
    """``knock home -- command`` opens the door and becomes the command, whose output and status are ours."""
    start(closed.server, one_door())
    home = write_profiles(tmp_path, f"[home]\nhost = {SERVER[4]}\nsequence = {SEQUENCE}\nverify = {SECRET}\n")
    read = "import socket; print(socket.create_connection(('{}', {}), 10).recv(99).decode(), end=''); exit(7)"
    with TcpService(closed.server, SECRET):
        command = (sys.executable, "-c", read.format(SERVER[4], SECRET))
        done = knock(closed.client, "-v", "home", "--", *command, home=home)
    assert (7, BANNER.decode()) == (done.returncode, done.stdout)
    assert 3 == done.stderr.count("knock: hitting")


def test_both_versions(closed: Pair, start: Start, tmp_path: Path) -> None:
    """With --both one call opens the door for the client's IPv4 and IPv6 address."""
    daemon = start(closed.server, one_door())
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{SERVER[4]} both\n{SERVER[6]} both\n127.0.0.1 localhost\n")
    with_hosts = ("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")
    variables = ("env", f"PYTHONPATH={environment()['PYTHONPATH']}")
    with TcpService(closed.server, SECRET):
        done = closed.client.status(*with_hosts, *variables, *KNOCK, "--both", *VERIFY, "both", SEQUENCE)
        assert (OK, "") == (done.returncode, done.stderr)
        daemon.wait_for("OPEN SESAME", times=2)
        for version in (4, 6):
            wait_until(
                lambda version=version: can_connect(closed.client, SERVER[version], SECRET),  # type: ignore[misc]
                10,
                f"the door is open for IPv{version}",
            )


def test_a_one_time_file(closed: Pair, start: Start, tmp_path: Path) -> None:
    """Client and daemon walk their copies of a file in step: after each knock both are the same."""
    text = "# ours\n31954,20677:udp,48012\n21001,22002,23003\n24004,25005:udp,26006\n"
    theirs, ours = tmp_path / "daemon", tmp_path / "client"
    for path in (theirs, ours):
        path.write_text(text)
        path.chmod(0o600)
    daemon = start(
        closed.server,
        one_door(cmd_timeout=1).replace(f"sequence = {SEQUENCE}", f"One_Time_Sequences = {theirs}"),
    )
    with TcpService(closed.server, SECRET):
        for number in (1, 2, 3):
            done = knock(closed.client, *VERIFY, "--sequence-file", ours, SERVER[4])
            assert (OK, "") == (done.returncode, done.stderr)
            daemon.wait_for("OPEN SESAME", times=number)
            daemon.wait_for("command timeout", times=number)
            wait_until(lambda: theirs.read_text() == ours.read_text(), 10, "the files are the same")
            assert number + 1 == sum(line.startswith("#") for line in ours.read_text().splitlines())
            wait_closed(closed.client, SERVER[4], SECRET)
    done = knock(closed.client, *VERIFY, "--sequence-file", ours, SERVER[4])
    assert os.EX_CONFIG == done.returncode
    assert "expected a sequence that is not struck out, got none" in done.stderr


def test_a_client_that_has_lost_step(closed: Pair, start: Start, tmp_path: Path) -> None:
    """Where the daemon has used a line and the client has not struck it out, what is told helps."""
    theirs, ours = tmp_path / "daemon", tmp_path / "client"
    for path in (theirs, ours):
        path.write_text(" 31954,20677:udp,48012\n 21001,22002,23003\n")
        path.chmod(0o600)
    text = one_door(cmd_timeout=1).replace(f"sequence = {SEQUENCE}", f"One_Time_Sequences = {theirs}")
    daemon = start(closed.server, text)
    with TcpService(closed.server, SECRET):
        assert OK == knock(closed.client, "--sequence-file", ours, SERVER[4]).returncode
        daemon.wait_for("OPEN SESAME")
        daemon.wait_for("command timeout")
        wait_closed(closed.client, SERVER[4], SECRET)
        failed = knock(closed.client, *VERIFY, "--tries", 1, "--sequence-file", ours, SERVER[4])
        assert TEMPORARY == failed.returncode
        told = re.search(r"when the daemon has used it, run knock (.*)\n", failed.stderr)
        assert told is not None
        assert OK == knock(closed.client, *told[1].split()).returncode
        assert theirs.read_text() == ours.read_text()
        assert OK == knock(closed.client, *VERIFY, "--sequence-file", ours, SERVER[4]).returncode
    assert 2 == daemon.count("OPEN SESAME")


@pytest.mark.parametrize(("interface", "heard"), [("eth0", False), ("any", True)])
def test_an_own_address(pair: Pair, start: Start, interface: str, heard: bool) -> None:
    """What is told of this machine's own address is true: only who listens to lo hears such a knock."""
    daemon = start(
        pair.server, config(door("own", SEQUENCE, command="true"), Interface=interface), interface=None
    )
    done = knock(pair.server, "-d", 20, SERVER[4], SEQUENCE)
    assert f"{SERVER[4]} is an address of this machine" in done.stderr
    assert "hears them only if it listens to lo too (Interface = any)" in done.stderr
    knock(pair.client, "-d", 20, SERVER[4], SEQUENCE)
    lines = daemon.wait_for(f"{CLIENT[4]}: own: OPEN SESAME")
    assert heard == (f"{SERVER[4]}: own: OPEN SESAME" in lines)


def read_recipes() -> dict[str, str]:
    """The lines for ~/.ssh/config that the manual page prints, by the word that tells them apart."""
    blocks = read_blocks(read_sections(DOCS / "knock.1")["ssh"])
    return {word: block for block in blocks for word in ("ProxyCommand", "Match") if word in block}


def test_the_guide_has_a_recipe_of_the_manual() -> None:
    """What the guide to the first door says about ~/.ssh/config is what is tested here."""
    indented = "".join(f"    {line}\n" for line in read_recipes()["Match"].splitlines())
    assert indented in (ROOT / "docs/guides/first-door.md").read_text()


@pytest.mark.parametrize("recipe", ["ProxyCommand", "Match"])
def test_ssh(pair: Pair, start: Start, tmp_path: Path, recipe: str) -> None:
    """With either recipe of the manual page, ``ssh home`` opens the door by itself and logs in."""
    need_ssh()
    need("nft")
    server = SshServer(pair.server, tmp_path)
    FIREWALLS["nftables"].close(pair.server)
    daemon = start(pair.server, one_door(cmd_timeout=5))
    home = write_profiles(
        tmp_path, f"[home]\nhost = {SERVER[4]}\nsequence = {SEQUENCE}\nverify = {SECRET}\ndelay = 20\n"
    )
    program = f"env PYTHONPATH={environment()['PYTHONPATH']} XDG_CONFIG_HOME={home} {' '.join(KNOCK)}"
    settings = tmp_path / "ssh_config"
    lines = read_recipes()[recipe].replace("home.example.org", SERVER[4]).replace("knock ", f"{program} ")
    settings.write_text(lines)
    command = (need("ssh"), *SSH_OPTIONS, "-F", str(settings), "-i", str(server.key), "root@home", "echo in")
    for times in (1, 2):
        done = pair.client.status(*command)
        assert (0, "in\n") == (done.returncode, done.stdout), done.stderr
        daemon.wait_for("OPEN SESAME", times=times)
        wait_until(
            lambda: not can_reach(pair.client, SERVER[4], SECRET, timeout=0.3), 20, "the door is closed"
        )
    assert 2 == daemon.count("OPEN SESAME")
