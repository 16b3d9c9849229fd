"""The unit file at work: systemd itself starts knockd in its sandbox, and doors open and close."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair
from tests.support.booted import Booted, need_systemd
from tests.support.doors import CLIENT, SERVER, config, door
from tests.support.lab import execute
from tests.support.services import send_knock
from tests.support.tools import need
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "conf/systemd/knockd.service"
LOG = "/var/log/knockd.log"


@pytest.fixture
def booted(pair: Pair) -> Iterator[Booted]:
    """The server of a pair, with systemd and our unit; knockd is not started yet."""
    need_systemd()
    with Booted(pair.server) as made:
        made.write("/etc/systemd/system/knockd.service", UNIT.read_text())
        made.run("systemctl", "daemon-reload")
        yield made


def begin(booted: Booted, *doors: str) -> None:
    """Configure and start knockd; returns once systemd has heard READY."""
    text = config(*doors, logfile=LOG, interface="eth0")
    booted.write("/etc/knockd.conf", text, mode=0o600)
    booted.write(LOG, "")
    try:
        booted.run("systemctl", "start", "knockd")
    except AssertionError as error:
        error.add_note(booted.run("systemctl", "status", "knockd", check=False) + log(booted))
        raise


def log(booted: Booted) -> str:
    """knockd's log so far."""
    path = booted.path(LOG)
    return path.read_text() if path.exists() else ""


def wait_for(booted: Booted, text: str) -> None:
    """Wait for a line of the log."""
    try:
        wait_until(lambda: text in log(booted), 10, text)
    except AssertionError as error:
        error.add_note(log(booted))
        raise


FIREWALLS = {
    "iptables": (
        "iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        "iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        ("iptables", "-S", "INPUT"),
    ),
    "iptables-legacy": (
        "iptables-legacy -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        "iptables-legacy -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT",
        ("iptables-legacy", "-S", "INPUT"),
    ),
    "nft": (
        "nft add element inet filter knocked { %IP% }",
        "nft delete element inet filter knocked { %IP% }",
        ("nft", "list", "set", "inet", "filter", "knocked"),
    ),
    "ufw": (
        "ufw allow from %IP% to any port 22",
        "ufw delete allow from %IP% to any port 22",
        ("ufw", "status"),
    ),
}


@pytest.mark.parametrize("name", FIREWALLS)
def test_firewall(booted: Booted, pair: Pair, name: str) -> None:
    """In the sandbox a knock opens and closes with each of the usual firewalls."""
    start, stop, look = FIREWALLS[name]
    need(look[0])
    if name == "nft":
        booted.run("nft", "add table inet filter; add set inet filter knocked { type ipv4_addr; }")
    elif name == "ufw":
        booted.run("ufw", "--force", "enable")
    else:
        booted.run(*look)  # its tables are there, as on a host with a firewall
    begin(booted, door("ssh", "700,800", start_command=start, stop_command=stop, cmd_timeout=2))
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_for(booted, "OPEN SESAME")
    try:
        wait_until(lambda: CLIENT[4] in booted.run(*look), 10, "the door is open")
        wait_until(lambda: CLIENT[4] not in booted.run(*look), 10, "the door is closed")
    except AssertionError as error:
        error.add_note(log(booted))
        raise
    assert [line for line in log(booted).splitlines() if "non-zero" in line or "rights" in line] == []


@pytest.fixture
def running(booted: Booted) -> Booted:
    """knockd under systemd, with a door that opens the secret for an hour."""
    begin(
        booted,
        door("ssh", "700,800", start_command="env > /var/log/opened", stop_command="true", cmd_timeout=3600),
    )
    return booted


def main_pid(booted: Booted) -> str:
    """The keeper, as a process of the host."""
    return booted.show("knockd", "MainPID")["MainPID"]


def state(booted: Booted) -> tuple[str, str]:
    """What ``systemctl status`` says first, and knockd's own line."""
    shown = booted.show("knockd", "ActiveState", "StatusText")
    return shown["ActiveState"], shown["StatusText"]


def test_status(running: Booted, pair: Pair) -> None:
    """``systemctl status`` shows doors, interfaces and what is open."""
    before = state(running)
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_until(lambda: state(running)[1] == "1 door on eth0; 1 open", 10, "the status shows the open door")
    assert before == ("active", "1 door on eth0; 0 open")


def test_commands_cannot_speak_for_us(running: Booted, pair: Pair) -> None:
    """What a door runs does not see the service manager's variables."""
    send_knock(pair.client, SERVER[4], "700", "800")
    opened = running.path("/var/log/opened")
    wait_until(lambda: opened.exists() and "KNOCKD_IP" in opened.read_text(), 10, "the command has run")
    names = {line.partition("=")[0] for line in opened.read_text().splitlines()}
    assert names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} == set()


def test_reload(running: Booted, pair: Pair) -> None:
    """``systemctl reload`` takes a new file into effect, in the same process."""
    before = main_pid(running)
    text = config(door("other", "500,600", start_command="true"), logfile=LOG, interface="eth0")
    running.write("/etc/knockd.conf", text, mode=0o600)
    running.run("systemctl", "reload", "knockd")
    wait_until(
        lambda: log(running).count("starting up, listening on eth0") == 2, 10, "the new doors are live"
    )
    send_knock(pair.client, SERVER[4], "500", "600")
    wait_for(running, "other: OPEN SESAME")
    assert (main_pid(running), state(running)[0]) == (before, "active")


def test_stop(running: Booted, pair: Pair) -> None:
    """``systemctl stop`` closes the open door, and counts as success."""
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_for(running, "running command: env")
    running.run("systemctl", "stop", "knockd")
    assert "running command: true" in log(running)
    assert running.show("knockd", "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_killed(running: Booted, pair: Pair) -> None:
    """A keeper that is killed is started again."""
    before = main_pid(running)
    running.run("kill", "-KILL", before)
    wait_until(lambda: main_pid(running) not in {before, "0"}, 10, "another keeper")
    wait_until(lambda: state(running)[0] == "active", 10, "it listens")
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_for(running, "OPEN SESAME")


def test_bad_configuration(booted: Booted) -> None:
    """With a configuration that cannot be read it is not started over and over."""
    booted.write("/etc/knockd.conf", "[options]\nnonsense = 1\n", mode=0o600)
    booted.run("systemctl", "start", "knockd", check=False)
    assert booted.show("knockd", "ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }


def test_keeper_hangs(booted: Booted, pair: Pair) -> None:
    """A keeper that hangs is ended by the watchdog and started again."""
    booted.write("/etc/systemd/system/knockd.service.d/quick.conf", "[Service]\nWatchdogSec=2\n")
    booted.run("systemctl", "daemon-reload")
    begin(booted, door("ssh", "700,800", start_command="true"))
    before = main_pid(booted)
    booted.run("kill", "-STOP", before)
    wait_until(lambda: main_pid(booted) not in {before, "0"}, 15, "another keeper")
    wait_until(lambda: state(booted)[0] == "active", 10, "it listens")
    send_knock(pair.client, SERVER[4], "700", "800")
    wait_for(booted, "OPEN SESAME")


SANDBOX = """
import json, os, socket
def tried(what):
    try:
        what()
    except OSError as error:
        return os.strerror(error.errno)
    return "possible"
print(json.dumps({
    "write /usr": tried(lambda: open("/usr/lib/x", "w")),
    "write /etc": tried(lambda: open("/etc/x", "w")),
    "write /run": tried(lambda: open("/run/x", "w")),
    "read /root": tried(lambda: os.listdir("/root")),
    "write a kernel variable": tried(lambda: open("/proc/sys/kernel/hostname", "w")),
    "write /var": tried(lambda: open("/var/lib/x", "w")),
    "see a device": tried(lambda: os.stat("/dev/loop-control")),
    "other sockets": tried(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)),
    "state": tried(lambda: open("/var/lib/knockd/x", "w")),
    "rules of ufw": tried(lambda: open("/etc/ufw/x", "w")),
}))
"""


def test_sandbox(booted: Booted, pair: Pair) -> None:
    """A door's command, as root as it is, is held to the firewall, the logs and knockd's own files."""
    booted.write("/usr/local/bin/probe", f"#!/opt/knockd/python/bin/python3\n{SANDBOX}", mode=0o755)
    begin(booted, door("probe", "700,800", start_command="/usr/local/bin/probe > /var/log/probe"))
    send_knock(pair.client, SERVER[4], "700", "800")
    result = booted.path("/var/log/probe")
    wait_until(lambda: result.exists() and result.read_text().endswith("\n"), 10, "the command has run")
    read_only, denied = "Read-only file system", "Permission denied"
    assert json.loads(result.read_text()) == {
        "write /usr": read_only,
        "write /etc": read_only,
        "write /run": read_only,
        "read /root": denied,
        "write a kernel variable": read_only,
        "write /var": read_only,
        "see a device": "No such file or directory",
        "other sockets": "Address family not supported by protocol",
        "state": "possible",
        "rules of ufw": "possible",
    }


def test_verify(tmp_path: Path) -> None:
    """systemd-analyze finds nothing wrong with the unit, with the program where this checkout has it."""
    need("systemd-analyze")
    program = tmp_path / "knockd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "knockd.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/knockd", str(program)))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_exposure() -> None:
    """The sandbox is as tight as docs/service.md says."""
    need("systemd-analyze")
    report = execute("systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT))
    figure = report.partition("Overall exposure level for knockd.service: ")[2].split()[0]
    assert f"**{figure}**" in (ROOT / "docs/service.md").read_text()
