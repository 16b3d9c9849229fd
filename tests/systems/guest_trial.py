"""Runs in a virtual machine, as root, with Python alone: the installed package is used as its users use it.

``python3 guest_trial.py PACKAGE LATER`` installs a Debian package, opens doors from a second network
namespace by IPv4 and IPv6, measures, upgrades to the later package with a door open, removes it and looks for
what it left. Prints a line ``FIGURE name: value`` each; ends with a traceback where something is not as it
should be.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 120
"""Seconds for whatever is waited for: processors are emulated."""

SERVER, CLIENT = {4: "10.8.0.1", 6: "fd00:8::1"}, {4: "10.8.0.2", 6: "fd00:8::2"}

FIREWALL = """
table inet filter {
    set knocked4 { type ipv4_addr; }
    set knocked6 { type ipv6_addr; }
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established accept
        meta l4proto ipv6-icmp accept
        ip saddr @knocked4 tcp dport 22 accept
        ip6 saddr @knocked6 tcp dport 22 accept
    }
}
"""

CONFIGURATION = """[options]
    UseSyslog
    LogFile = /var/log/knockd.log
    Interface = knock0
[ssh]
    sequence = 7000,8000,9000
    seq_timeout = 60
    tcpflags = syn
    start_command = nft add element inet filter knocked4 { %IP% }
    start_command_6 = nft add element inet filter knocked6 { %IP% }
    cmd_timeout = 5
    stop_command = nft delete element inet filter knocked4 { %IP% }
    stop_command_6 = nft delete element inet filter knocked6 { %IP% }
[upgrade]
    sequence = 7100,8100,9100
    seq_timeout = 60
    tcpflags = syn
    start_command = nft add element inet filter knocked4 { %IP% }
    cmd_timeout = 3600
    stop_command = nft delete element inet filter knocked4 { %IP% }
"""


def say(name: str, value: object) -> None:
    """Prints a figure."""
    print(f"FIGURE {name}: {value}", flush=True)


def run(command: str, *, check: bool = True) -> str:
    """What a command prints. Raises RuntimeError with both outputs when ``check`` and its status is not 0.

    Who runs this script bounds its time.
    """
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what: str, condition: object, seconds: float = PATIENCE) -> float:
    """Seconds until ``condition()`` is true. Raises RuntimeError."""
    begun = time.monotonic()
    while not condition():  # type: ignore[operator]
        if time.monotonic() - begun > seconds:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begun


def make_network() -> None:
    """A veth pair between this network namespace and a second one, and a firewall that drops."""
    run("ip netns add client")
    run("ip link add knock0 type veth peer name eth0 netns client")
    for prefix, interface, ends in (("ip", "knock0", SERVER), ("ip -n client", "eth0", CLIENT)):
        run(f"{prefix} address add {ends[4]}/24 dev {interface}")
        run(f"{prefix} address add {ends[6]}/64 dev {interface} nodad")
        run(f"{prefix} link set {interface} up")
    subprocess.run(["nft", "-f", "-"], input=FIREWALL, text=True, check=True)


def read_log() -> str:
    """The daemon's log."""
    path = Path("/var/log/knockd.log")
    return path.read_text() if path.exists() else ""


def is_in_set(version: int) -> bool:
    """Whether the firewall lets the client in."""
    return CLIENT[version] in run(f"nft list set inet filter knocked{version}")


def connects(version: int) -> bool:
    """Whether the client reaches port 22."""
    done = subprocess.run(
        ["ip", "netns", "exec", "client", "nc", "-z", "-w", "2", SERVER[version], "22"],
        check=False,
        timeout=60,
    )
    return done.returncode == 0


def knock(version: int) -> None:
    """Opens the door and sees it close again."""
    assert not connects(version), f"port 22 is open before a knock by IPv{version}"
    opened = read_log().count("OPEN SESAME")
    run(f"ip netns exec client knock -{version} -d 50 {SERVER[version]} 7000 8000 9000")
    knocked = time.monotonic()
    wait_for(f"IPv{version} opens", lambda: is_in_set(version))
    say(
        f"IPv{version}: knock's last packet sent until the rule is seen, ms",
        round((time.monotonic() - knocked) * 1000),
    )
    assert read_log().count("OPEN SESAME") == opened + 1, read_log()
    assert connects(version), f"port 22 is closed after a knock by IPv{version}"
    wait_for(f"IPv{version} closes", lambda: not is_in_set(version))


def upgrade(later: str) -> None:
    """Installs the later package while a door is open: it stays open, and the new daemon closes it."""
    before, _ = find_processes()
    run(f"ip netns exec client knock -d 50 {SERVER[4]} 7100 8100 9100")
    wait_for("a door for the upgrade opens", lambda: is_in_set(4))
    begun = time.monotonic()
    run(f"dpkg --install {later}")
    say("package upgraded, s", round(time.monotonic() - begun, 1))
    wait_for("the new daemon runs", lambda: run("systemctl is-active knockd", check=False) == "active\n")
    assert find_processes()[0] != before, "the daemon of the earlier package runs on"
    assert is_in_set(4), "the upgrade has closed a door"
    run(f"knockctl close upgrade {CLIENT[4]}")
    wait_for("it is closed", lambda: not is_in_set(4))
    knock(4)
    say("upgraded with a door open", "it stayed open, and the new daemon closed it")


def find_processes() -> tuple[int, int]:
    """The keeper and the packet process."""
    keeper = int(run("systemctl show knockd --property=MainPID --value"))
    return keeper, int(Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()[0])


def read_pss(pid: int) -> float:
    """Megabytes (2^20 bytes) of a process, pages shared with others in part."""
    found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def measure_start() -> float:
    """Milliseconds from exec until the log says that it listens, in the foreground."""
    log = Path("/tmp/start.log")
    begun = time.monotonic()
    argv = ["knockd", "-v", "-i", "knock0", "-g", str(log), "--state-dir", "/tmp/state"]
    daemon = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("a start", lambda: log.exists() and "starting up" in log.read_text())
    took = (time.monotonic() - begun) * 1000
    daemon.terminate()
    daemon.wait(PATIENCE)
    return took


def measure_python() -> float:
    """Milliseconds that Python takes to start and end."""
    begun = time.monotonic()
    run("python3 -I -c pass")
    return (time.monotonic() - begun) * 1000


def list_files() -> set[str]:
    """Every file of this system that a package can leave behind."""
    folders = "/etc /usr /var/lib/systemd /var/lib/knockd /var/log /run"
    skip = r"-path /run/host -prune -o -path /etc/systemd/system -prune -o"
    found = run(f"find {folders} -xdev {skip} -type f -print", check=False).splitlines()
    return {path for path in found if "knock" in path}


def main() -> int:
    """Everything in turn."""
    package, later = sys.argv[1:]
    before = list_files()
    begun = time.monotonic()
    run(f"dpkg --install {package}")
    say("package installed, s", round(time.monotonic() - begun, 1))
    say("version", run("dpkg-query --show --showformat=${Version} knockd"))
    say("installed, kB", run("dpkg-query --show --showformat=${Installed-Size} knockd"))
    say("Python", sys.version.split()[0])
    say("kernel", run("uname -srm").strip())
    make_network()
    Path("/etc/knockd.conf").write_text(CONFIGURATION)
    Path("/etc/knockd.conf").chmod(0o600)
    subprocess.Popen(["nc", "-6", "-k", "-l", "22"]), subprocess.Popen(["nc", "-4", "-k", "-l", "22"])
    begun = time.monotonic()
    run("systemctl start knockd")
    say("systemctl start, s", round(time.monotonic() - begun, 2))
    time.sleep(2)
    keeper, packets = find_processes()
    pss = read_pss(keeper), read_pss(packets)
    say("PSS keeper + packet process, MB", f"{pss[0]:.1f} + {pss[1]:.1f} = {sum(pss):.1f}")
    status = Path(f"/proc/{packets}/status").read_text()
    assert "\nSeccomp:\t2\n" in status, "the packet process has no seccomp program"
    say("seccomp", "on")
    for version in (4, 6):
        knock(version)
    run("systemctl reload knockd")
    knock(4)
    say("knockctl status", run("knockctl status").splitlines()[0])
    upgrade(later)
    run("systemctl stop knockd")
    start, python = measure_start(), measure_python()
    say("start until it listens, ms", f"{start:.0f}, {start / python:.1f} times what Python alone takes")
    run("dpkg --purge knockd")
    left = list_files() - before
    assert not left, f"left behind: {sorted(left)}"
    say("left behind", "nothing")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
