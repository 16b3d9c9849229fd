"""knockd --init on hosts with real firewalls: what it prints is run, line for line."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon, environment
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.daemons.first_day import (
    CLOSE,
    KEEP,
    PREPARE,
    TRY,
    Printed,
    Shell,
    knock_lines,
    parse_report,
)
from tests.support.lab.disks import Disk
from tests.support.lab.hosts import Host, execute
from tests.support.lab.private_files import give_private_files
from tests.support.lab.services import (
    TcpService,
    can_connect,
    can_reach,
    passes,
    session,
    wait_closed,
    wait_open,
)
from tests.support.lab.ssh import SETTINGS
from tests.support.lab.ssh_agent import make_key
from tests.support.lab.tools import lacking, need
from tests.support.lab.waiting import wait_until

KEPT = "ct state established,related accept"
NEEDED = f"{KEPT}; iif lo accept; meta l4proto ipv6-icmp accept"
NFT = "nft -f - <<'.'\ntable {0} filter {{\nchain input {{\n{1}\n}}\n}}\n."
DROPS = "type filter hook input priority filter; policy drop; "
ACCEPTS = "type filter hook input priority filter; policy accept; "
SIX = "-A INPUT -p ipv6-icmp -j ACCEPT"
ESTABLISHED = "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"


def iptables(kind: str, *rules: str, policy: str = "DROP") -> str:
    """A firewall of iptables, the same for both versions."""
    lines = [
        f"{program}{kind} {rule}"
        for program in ("iptables", "ip6tables")
        for rule in (ESTABLISHED, *((SIX,) if program == "ip6tables" else ()), *rules, f"-P INPUT {policy}")
    ]
    return "\n".join(lines)


UFW = "ufw default deny incoming; ufw --force enable"
FIREWALLD = """
mkdir -p /run/dbus
dbus-daemon --system --nofork --nopidfile > /dev/null 2>&1 &
firewalld --nofork --nopid > /run/firewalld.log 2>&1 &
until firewall-cmd --state > /dev/null 2>&1; do sleep 0.1; done
"""


class Case(NamedTuple):
    """A firewall: how it is set up, with which programs, and whether strangers reach port 22."""

    set_up: str
    tools: tuple[str, ...]
    wide_open: bool
    says: str


CASES = {
    "none": Case("true", ("nft",), True, "nothing drops strangers"),
    "nft": Case(
        NFT.format("inet", f"{DROPS}{NEEDED}"),
        ("nft",),
        False,
        "nft, chain inet filter input, drops strangers",
    ),
    "nft, a table a version": Case(
        "\n".join(NFT.format(family, f"{DROPS}{NEEDED}") for family in ("ip", "ip6")),
        ("nft",),
        False,
        "nft, chain ip filter input, drops strangers (IPv4); nft, chain ip6 filter input, drops",
    ),
    "nft, two chains": Case(
        NFT.format(
            "inet", f"{DROPS}{NEEDED}\n}}\nchain early {{\n{DROPS.replace('filter;', '-50;')}{NEEDED}"
        ),
        ("nft",),
        False,
        "drops strangers",
    ),
    "nft, all accepted": Case(
        NFT.format("inet", f"{ACCEPTS}{NEEDED}"), ("nft",), True, "nothing drops strangers"
    ),
    "nft, ssh accepted": Case(
        NFT.format("inet", f"{DROPS}{NEEDED}; tcp dport 22 accept"), ("nft",), True, "nothing drops strangers"
    ),
    "iptables": Case(
        iptables(""), ("iptables", "ip6tables"), False, "iptables, chain ip filter INPUT, drops strangers"
    ),
    "iptables, rejects": Case(
        iptables("", "-A INPUT -j REJECT", policy="ACCEPT"), ("iptables",), False, "drops strangers"
    ),
    "iptables, ssh accepted": Case(
        iptables("", "-A INPUT -p tcp --dport 22 -j ACCEPT"),
        ("iptables",),
        True,
        "iptables lets everybody in",
    ),
    "iptables, nothing tracked": Case(
        "\n".join(
            f"{program} -A INPUT -p tcp --dport 22 -j ACCEPT; {program} -P INPUT DROP; {more}"
            for program, more in (("iptables", "true"), ("ip6tables", f"ip6tables {SIX}"))
        ),
        ("iptables",),
        True,
        "iptables lets everybody in",
    ),
    "iptables-legacy": Case(
        iptables("-legacy"), ("iptables-legacy",), False, "chain legacy ip filter INPUT, drops strangers"
    ),
    "iptables-legacy, ssh accepted": Case(
        iptables("-legacy", "-A INPUT -p tcp --dport 22 -j ACCEPT"),
        ("iptables-legacy",),
        True,
        "iptables lets everybody in",
    ),
    "nft and iptables": Case(
        f"{NFT.format('inet', f'{DROPS}{NEEDED}')}\n{iptables('')}",
        ("nft", "iptables"),
        False,
        "drops strangers",
    ),
    "ufw": Case(UFW, ("ufw",), False, "ufw drops strangers"),
    "ufw, ssh accepted": Case(f"{UFW}; ufw allow 22/tcp", ("ufw",), True, "ufw lets everybody in"),
    "ufw, OpenSSH accepted": Case(
        f"{UFW}; ufw allow in to any port 22", ("ufw",), True, "ufw lets everybody in"
    ),
    "firewalld": Case(
        f"{FIREWALLD}firewall-cmd --remove-service=ssh",
        ("firewalld", "dbus-daemon"),
        False,
        "firewalld drops strangers",
    ),
    "firewalld, ssh accepted": Case(
        FIREWALLD, ("firewalld", "dbus-daemon"), True, "firewalld lets everybody in"
    ),
}


@pytest.fixture
def host(pair: Pair) -> Host:
    """The server, with a default route, and files of its own."""
    give_private_files(pair.server)
    pair.server.ip(f"route add default via {CLIENT[4]}")
    return pair.server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the configuration is to be written."""
    made = tmp_path / "written"
    made.mkdir()
    return made


def run_init(host: Host, *options: str) -> subprocess.CompletedProcess[str]:
    """knockd --init with options, as root types it."""
    kind = () if any(one.startswith("--init") for one in options) else ("--init",)
    return host.status("env", f"PYTHONPATH={environment()['PYTHONPATH']}", *OURS, *kind, *options)


def set_up(host: Host, case: Case) -> None:
    """Makes the firewall of a case."""
    for tool in case.tools:
        need(tool)
    if {"ufw", "firewalld"} & {*case.tools} and not os.access("/etc/ufw/user.rules", os.R_OK):
        lacking("ufw and firewalld want the machine's own root")
    with (Path("/dev/null")).open("w") as nowhere:
        process = host.popen("sh", "-e", stdin=subprocess.PIPE, stdout=nowhere, text=True)
        process.communicate(case.set_up, 30)
        assert 0 == process.returncode


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands knock and knockctl, as they are installed."""
    made = tmp_path / "bin"
    made.mkdir()
    for name, module in (("knock", "knockd.client"), ("knockctl", "knockd.ctl")):
        path = made / name
        python = f"PYTHONPATH={environment()['PYTHONPATH']} exec {sys.executable}"
        path.write_text(f'#!/bin/sh\n{python} -m {module} "$@"\n')
        path.chmod(0o755)
    return made


def begin(start: Start, host: Host, folder: Path, *, cmd_timeout: int = 2, options: str = "") -> Daemon:
    """The daemon with the file that was written, but for the time that doors stay open, and more options."""
    path = folder / "knockd.conf"
    text = re.sub(r"(Cmd_Timeout\s+=) 30", rf"\1 {cmd_timeout}", path.read_text())
    assert f"= {cmd_timeout}" in text
    return start(host, text.replace("[options]", f"[options]\n{options}"), interface=None, directory=folder)


@pytest.mark.parametrize("name", CASES)
def test_first_day(pair: Pair, host: Host, start: Start, folder: Path, commands: Path, name: str) -> None:
    """Every printed line does what it says: the port opens to who has knocked, then to nobody else."""
    case = CASES[name]
    set_up(host, case)
    path = folder / "knockd.conf"
    done = run_init(host, "-c", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    printed = parse_report(done.stdout)
    assert case.says in printed.head
    assert len(done.stdout.splitlines()) <= 45
    assert case.wide_open is bool(printed.lines(CLOSE))
    checked = host.status("env", f"PYTHONPATH={environment()['PYTHONPATH']}", *OURS, "-t", "-c", str(path))
    assert (0, "") == (checked.returncode, checked.stderr)
    assert "warning" not in checked.stdout
    owner, knocker = Shell(host, commands), Shell(pair.client, commands)
    rehearse, knock = knock_lines(printed)
    with sessions(pair, (4, 6) if case.wide_open else ()) as held:
        owner.type(printed.lines(PREPARE))
        assert "door ssh would open" in owner.type(rehearse)
        begin(start, host, folder)
        if case.wide_open:
            owner.type("mkfifo /run/wait")
            owner.type(closing(printed))
        assert all(passes(ends, 10) for ends in held)
    assert [False, False] == strangers(pair)
    if case.wide_open:
        owner.type("echo > /run/wait; wait $!")
        assert [True, True] == strangers(pair)
        owner.type(f"{closing(printed)}\n{printed.lines(KEEP)}")
    with TcpService(host, 22):
        for version in (4, 6):
            address = SERVER[version]
            assert not can_connect(pair.client, address, 22)
            knocker.type(knock.replace(SERVER[4], address))
            wait_open(pair.client, address, 22)
            wait_closed(pair.client, address, 22)
    assert [False, False] == strangers(pair)
    assert set() == found_at_the_firewall(owner, path)


def found_at_the_firewall(owner: Shell, path: Path) -> set[str]:
    """What the doctor finds there, by name."""
    said = json.loads("\n".join(owner.type(f"knockctl doctor -c {path} --json || true")))
    return {one["name"] for one in said["findings"] if one["subject"] == "firewall"}


@contextmanager
def sessions(pair: Pair, versions: tuple[int, ...]) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """A session by each of the IP versions, of which nothing is heard while the block runs."""
    with ExitStack() as stack:
        held = [
            stack.enter_context(session(pair.server, pair.client, SERVER[version], 22))
            for version in versions
        ]
        yield [ends for ends in held if ends is not None]
        assert None not in held


def closing(printed: Printed) -> str:
    """The lines that close; what undoes them waits for a line in a pipe instead of for five minutes."""
    lines = printed.lines(CLOSE)
    assert "sleep 300" in lines.split("\n")[0]
    return lines.replace("sleep 300", "read line < /run/wait")


def strangers(pair: Pair) -> list[bool]:
    """Whether somebody who has not knocked comes in, by IPv4 and by IPv6."""
    found = []
    for version in (4, 6):
        with session(pair.server, pair.client, SERVER[version], 22) as ends:
            found.append(ends is not None)
    return found


def boot(host: Host) -> None:
    """What nft does at a boot, where the service nftables is enabled."""
    host.run("nft", "flush", "ruleset")
    host.run("nft", "-f", "/etc/nftables.conf")


def knocks_and_comes_in(pair: Pair, knocker: Shell, knock: str) -> None:
    """Strangers do not come in, and a knocker does."""
    assert [False, False] == strangers(pair)
    with TcpService(pair.server, 22):
        knocker.type(knock)
        wait_open(pair.client, SERVER[4], 22)


@pytest.mark.parametrize("wide_open", [True, False], ids=["none", "a table that the file sets up"])
def test_after_a_boot(
    pair: Pair, host: Host, start: Start, folder: Path, commands: Path, wide_open: bool
) -> None:
    """What is to be kept is there after a boot: strangers are dropped, and the door opens."""
    need("nft")
    rules = (
        "table inet other { }" if wide_open else NFT.format("inet", f"{DROPS}{NEEDED}").split("\n", 1)[1][:-2]
    )
    host.run("sh", "-ec", f"cat > /etc/nftables.conf <<'.'\n{rules}\n.")
    boot(host)
    printed = parse_report(run_init(host, "-c", str(folder / "knockd.conf")).stdout)
    owner, knocker = Shell(host, commands), Shell(pair.client, commands)
    owner.type(printed.lines(PREPARE))
    if wide_open:
        owner.type(f"{printed.lines(CLOSE)}\n{printed.lines(KEEP)}")
    boot(host)
    begin(start, host, folder, cmd_timeout=30)
    knocks_and_comes_in(pair, knocker, knock_lines(printed)[1])


def test_where_ssh_is_served(host: Host, folder: Path) -> None:
    """The door is for the port at which an SSH server listens on this host, whatever else does."""
    sshd = need("sshd")
    execute(need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host"))
    settings = folder / "sshd_config"
    settings.write_text(SETTINGS.format(directory=folder))
    host.run("mkdir", "-m", "755", "/run/sshd")
    host.popen(sshd, "-D", "-p", "2222", "-f", str(settings), "-E", str(folder / "log"))
    wait_until(lambda: can_reach(host, "127.0.0.1", 2222), 10, "sshd listens")
    with TcpService(host, 22):
        done = run_init(host, "--dry-run")
    assert "ssh opens 2222/tcp for" in done.stderr
    assert 0 == done.returncode


def test_a_key(host: Host, folder: Path) -> None:
    """A door with a key: both files are root's alone, -t has nothing to say, and nobody sees the key."""
    path, key = folder / "knockd.conf", folder / "knockd" / "ssh.key"
    done = run_init(host, "--init=key", "-c", str(path))
    assert 0 == done.returncode
    assert [0o600, 0o600] == [one.stat().st_mode & 0o777 for one in (path, key)]
    text = path.read_text()
    path.write_text(text.replace("[options]", "[options]\nClock = trust"))  # whatever this machine's is
    checked = host.run("env", f"PYTHONPATH={environment()['PYTHONPATH']}", *OURS, "-t", "-c", str(path))
    assert "1 key (" in checked
    assert "warning" not in checked
    assert key.read_text().split()[1] not in done.stdout + done.stderr + checked + text
    again = run_init(host, "--init=key", "-c", str(folder / "other.conf"))
    assert 73 == again.returncode
    assert f"{key} is there already" in again.stderr
    assert not (folder / "other.conf").exists()


def test_a_key_opens(pair: Pair, host: Host, start: Start, folder: Path, commands: Path) -> None:
    """The client imports what is exported, knocks by the line that is printed, and comes in."""
    set_up(host, CASES["nft"])
    printed = parse_report(run_init(host, "--init=key", "-c", str(folder / "knockd.conf")).stdout)
    owner, knocker = Shell(host, commands), Shell(pair.client, commands)
    owner.type(printed.lines(PREPARE))
    begin(start, host, folder, options="Clock = trust")  # nobody keeps the clock of a test's machine
    rehearse, export = printed.lines(TRY).split("\n")
    assert "door ssh would open" in owner.type(rehearse)
    (uri,) = owner.type(export)
    (title,) = (title for title, _ in printed.steps if title.startswith(TRY))
    found = re.search(r"To knock: (knock \S+)", title)
    assert found is not None
    knocker.type(f"export XDG_CONFIG_HOME={folder}; echo '{uri}' | knock --import -")
    assert [False, False] == strangers(pair)
    with TcpService(host, 22):
        knocker.type(found[1])  # it fails unless the port answers
        wait_closed(pair.client, SERVER[4], 22)


@pytest.mark.parametrize("name", ["none", "nft", "iptables, ssh accepted"])
def test_signed_knocks_open(
    pair: Pair, host: Host, start: Start, folder: Path, commands: Path, name: str
) -> None:
    """The key that logs in to the host is let in by the line that is printed, and its client comes in."""
    set_up(host, CASES[name])
    path, laptop = folder / "knockd.conf", folder / "laptop"
    key = make_ssh_home(laptop, "me@laptop")
    (laptop / ".ssh" / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    host.run("sed", "-i", rf"s|^\(root:.*\):/root:|\1:{laptop}:|", "/etc/passwd")
    printed = parse_report(run_init(host, "--init=signed", "-c", str(path)).stdout)
    owner, knocker = Shell(host, commands), Shell(pair.client, commands)
    owner.type(printed.lines(PREPARE))
    assert "me@laptop is in" in " ".join(owner.type(f"{printed.lines('Let SSH keys knock')} --yes"))
    begin(start, host, folder, options="Clock = trust")  # nobody keeps the clock of a test's machine
    checked = host.run("env", f"PYTHONPATH={environment()['PYTHONPATH']}", *OURS, "-t", "-c", str(path))
    assert re.search(r"signed knocks to \d+:udp, 1 key \(me@laptop\)", checked)
    (uri,) = owner.type(printed.lines(TRY))
    (title,) = (title for title, _ in printed.steps if title.startswith(TRY))
    found = re.search(r"To knock, where that key is: (knock \S+)", title)
    assert found is not None
    knocker.type(f"export HOME={laptop}; unset SSH_AUTH_SOCK; echo '{uri}' | knock --import -")
    if CASES[name].wide_open:
        owner.type(f"{printed.lines(CLOSE)}\n{printed.lines(KEEP)}")
    assert [False, False] == strangers(pair)
    with TcpService(host, 22):
        knocker.type(found[1])  # it fails unless the port answers
        wait_closed(pair.client, SERVER[4], 22)
    assert set() == found_at_the_firewall(owner, path)


def make_ssh_home(folder: Path, comment: str) -> Path:
    """A home with an SSH key where ssh looks for one; the path of the key."""
    (folder / ".ssh").mkdir(parents=True)
    return make_key(folder / ".ssh" / "id_ed25519", comment)


def test_what_is_there_stays(host: Host, folder: Path) -> None:
    """A second time nothing is written, and the new file is printed when it is asked for."""
    path = folder / "knockd.conf"
    path.write_text("mine")
    refused = run_init(host, "-c", str(path))
    assert 73 == refused.returncode
    assert "is there already and stays as it is" in refused.stderr
    assert "" == refused.stdout
    printed = run_init(host, "-c", str(path), "--dry-run")
    assert 0 == printed.returncode
    assert "[ssh]" in printed.stdout
    assert printed.stdout.startswith(f"# {path}")
    elsewhere = run_init(host, "-c", "-")
    assert elsewhere.stdout.startswith("# /etc/knockd.conf")
    assert "mine" == path.read_text()


def test_interfaces(pair: Pair, folder: Path) -> None:
    """Without a default route an interface has to be named, and one that is there."""
    need("nft")
    path = folder / "knockd.conf"
    lost = run_init(pair.server, "-c", str(path))
    assert 69 == lost.returncode
    assert "knockd: no interface has a default route; name one with -i: lo, eth0\n" == lost.stderr
    unknown = run_init(pair.server, "-c", str(path), "-i", "eth7")
    assert 69 == unknown.returncode
    assert "knockd: no interface eth7 here; there are: lo, eth0\n" == unknown.stderr
    assert not path.exists()
    assert 0 == run_init(pair.server, "-c", str(path), "-i", "eth0").returncode
    assert "Interface = eth0" in path.read_text()


def test_a_folder_that_is_not_there(host: Host, folder: Path) -> None:
    """It is named, and not made."""
    done = run_init(host, "-c", str(folder / "none" / "knockd.conf"))
    assert 73 == done.returncode
    assert f"knockd: there is no directory {folder}/none: make it" in done.stderr
    assert [] == list(folder.iterdir())


@pytest.mark.parametrize(("how", "reason"), [("fill", "No space left"), ("remount", "Read-only file system")])
def test_a_disk_that_takes_nothing(pair: Pair, tmp_path: Path, how: str, reason: str) -> None:
    """A full or read-only disk is named, the status is 73, and neither key nor configuration is left."""
    need("nft")
    with Disk(tmp_path / "disk") as disk:
        if how == "fill":
            disk.fill()
        else:
            execute("mount", "-o", "remount,ro", str(disk.path))
        before = sorted(disk.path.iterdir())
        done = run_init(pair.server, "--init=key", "-i", "eth0", "-c", str(disk.path / "knockd.conf"))
        assert 73 == done.returncode
        assert reason in done.stderr
        assert before == sorted(disk.path.iterdir())
