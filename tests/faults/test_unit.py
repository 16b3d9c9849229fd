"""The unit file at work: in the sandbox that systemd makes, doors open and close and little else goes."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from knockd.sequences.kernel_clock import read_clock
from tests.e2e.conftest import Pair
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.daemons.keyed import BOB, KeyedDoor
from tests.support.lab.hosts import execute
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_open
from tests.support.lab.systemd_unit import UNIT, Unit
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until
from tests.support.samples.printed import example

ROOT = Path(__file__).resolve().parents[2]

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
def test_firewall(unit: Unit, pair: Pair, name: str) -> None:
    """In the sandbox a knock opens and closes with each of the usual firewalls."""
    start, stop, look = FIREWALLS[name]
    need(look[0])
    if name == "nft":
        unit.run("nft", "add table inet filter; add set inet filter knocked { type ipv4_addr; }")
    elif name == "ufw":
        unit.run("ufw", "--force", "enable")
    else:
        unit.run(*look)  # its tables are there, as on a host with a firewall
    unit.begin(door("ssh", "700,800", start_command=start, stop_command=stop, cmd_timeout=2))
    send_knock(pair.client, SERVER[4], "700", "800")
    unit.wait_for("OPEN SESAME")
    try:
        wait_until(lambda: CLIENT[4] in unit.run(*look), 10, "the door is open")
        wait_until(lambda: CLIENT[4] not in unit.run(*look), 10, "the door is closed")
    except AssertionError as error:
        error.add_note(unit.log())
        raise
    assert [
        line for line in unit.log().splitlines() if "non-zero" in line or "right" in line or "needs" in line
    ] == []


def test_close_when_idle(unit: Unit, pair: Pair) -> None:
    """In the sandbox a connection keeps the door open past Cmd_Timeout, until it ends."""
    need("nft")
    unit.run("nft", TRACKING)
    keys = {"start_command": "true", "stop_command": "true", "cmd_timeout": 2}
    unit.begin(door("ssh", "700,800", **keys, close_when_idle=1, service="22/tcp"))
    with pair.server.socket(socket.AF_INET, socket.SOCK_STREAM) as service:
        service.bind((SERVER[4], 22))
        service.listen()
        with pair.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect((SERVER[4], 22))
            with service.accept()[0]:
                send_knock(pair.client, SERVER[4], "700", "800")
                unit.wait_for("still connected, open until nobody has been for 1 seconds")
                assert "command timeout" not in unit.log()
    unit.wait_for("nobody connected for 1 seconds")
    unit.wait_for("command timeout")
    assert "Close_When_Idle does nothing" not in unit.log()


TRACKING = """
table inet filter {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established accept
    }
}
"""


def test_door_with_a_key(unit: Unit, pair: Pair, tmp_path: Path) -> None:
    """In the sandbox keys are read, the kernel says whether the clock is synchronised, nobody can set it."""
    keyed = KeyedDoor(tmp_path)
    unit.write("/etc/knockd/ssh.keys", keyed.path.read_text(), mode=0o600)
    section = keyed.section().replace(str(keyed.path), "/etc/knockd/ssh.keys")
    unit.begin(section)
    if read_clock().loose:
        unit.wait_for("doors with keys wait: the clock is not synchronised (the kernel says STA_UNSYNC)")
        unit.run("sed", "-i", "s/^\\[options\\]/&\\nClock = trust/", "/etc/knockd.conf")
        unit.run("systemctl", "reload", "knockd")
    wait_until(
        lambda: "anne" in unit.run("/usr/local/bin/knockctl", "status", check=False), 10, "keys are read"
    )
    begun = keyed.period()  # the host's disk is in memory: what could be used before the start opens nothing
    wait_until(lambda: keyed.period() >= begun + 2, 25, "what could not be used before the start")
    keyed.wait_for_period()
    keyed.knock(pair.client)
    unit.wait_for("opened with key anne")
    setting = "import time; time.clock_settime(time.CLOCK_REALTIME, time.time())"
    unit.run("sed", "-i", f"s/true %IP%/python3 -c '{setting}'/", "/etc/knockd.conf")
    unit.run("systemctl", "reload", "knockd")
    keyed.knock(pair.client, BOB)
    unit.wait_for("PermissionError: [Errno 1] Operation not permitted")


def test_what_the_sandbox_hides_is_said(unit: Unit) -> None:
    """A script in a home directory is named by the check, and by the log before anybody knocks."""
    unit.write("/home/bob/open.sh", "#!/bin/sh\n", mode=0o755)
    unit.begin(door("a", "700,800:udp", start_command="/home/bob/open.sh %IP%"))
    setting = "ProtectHome=yes in /etc/systemd/system/knockd.service"
    hidden = f"/home/bob/open.sh is hidden from the service ({setting})"
    unit.wait_for(hidden)
    assert hidden in unit.run("/usr/local/bin/knockd", "-t")


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


def test_sandbox(unit: Unit, pair: Pair) -> None:
    """A door's command, as root as it is, is held to the firewall, the logs and knockd's own files."""
    unit.write("/usr/local/bin/probe", f"#!/opt/knockd/python/bin/python3\n{SANDBOX}", mode=0o755)
    unit.begin(door("probe", "700,800", start_command="/usr/local/bin/probe > /var/log/probe"))
    send_knock(pair.client, SERVER[4], "700", "800")
    result = unit.path("/var/log/probe")
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


def test_packet_process(unit: Unit) -> None:
    """In the sandbox the packet process still gives up all it can: it is nobody, without any right."""
    unit.begin(door("ssh", "700,800", start_command="true"))
    keeper = unit.main_pid()
    child = unit.run("cat", f"/proc/{keeper}/task/{keeper}/children").strip()
    status = dict(line.split(":\t", 1) for line in unit.run("cat", f"/proc/{child}/status").splitlines())
    names = ("Uid", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")
    user = status["Uid"].split()[0]
    assert user != "0"
    assert [status[name] for name in names] == ["\t".join([user] * 4), "0" * 16, "0" * 16, "1", "2"]


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


def test_ufw_example(unit: Unit, pair: Pair) -> None:
    """The example for ufw, as printed, opens SSH although a rule denies it, and closes it."""
    need("ufw")
    unit.write("/etc/knockd.conf", example("ufw"), mode=0o600)
    unit.run(
        "sh", "-ec", "\n".join(line[2:] for line in example("ufw").splitlines() if line.startswith("#\t"))
    )
    unit.run("ufw", "deny", "22")
    unit.run("systemctl", "start", "knockd")
    with TcpService(pair.server, 22):
        for address in SERVER.values():
            assert not can_connect(pair.client, address, 22)
            send_knock(pair.client, address, "19402", "52231", "36118")
            wait_open(pair.client, address, 22)
        unit.run("systemctl", "stop", "knockd")
        for address in SERVER.values():
            assert not can_connect(pair.client, address, 22)
