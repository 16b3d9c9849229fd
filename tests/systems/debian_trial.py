"""One boot of Debian with a client beside it: apt knows the packages, the client knocks."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.lab.debian import DebianSystem
from tests.support.lab.hosts import Host
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"

CONFIGURATION = """[options]
	LogFile = /var/log/knockd.log

[{door}]
	sequence      = 31954,20677,48012
	seq_timeout   = 30
	tcpflags      = syn
	start_command = /usr/sbin/nft add element inet filter knocked {{ %IP% }}
	cmd_timeout   = {seconds}
	stop_command  = /usr/sbin/nft delete element inet filter knocked {{ %IP% }}
"""
FIREWALL = "nft 'add table inet filter; add set inet filter knocked { type ipv4_addr; }'"
APT = "apt-get install -y -q --allow-downgrades -o Dpkg::Use-Pty=0"
LEFT = (
    "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /run -prune -o -path /tmp -prune -o -print"
)
NOTED = (
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache",
    "/var/log/journal",
    "/var/log/apt",
    "/var/log/dpkg.log",
)
"""Where dpkg, apt and the journal note what they did."""


def say(text: str) -> None:
    """One line of the report."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Trial:
    """One boot of a release, with a client beside it."""

    def __init__(self, system: DebianSystem, client: Host) -> None:
        self.system, self.client = system, client
        self._failed_at_boot = self._read_failed()
        """Units that need what a namespace has not."""

    def prepare(self, debs: list[Path]) -> None:
        """Has apt know the packages, those of Debian and ours, and no other source."""
        repository = self.system.path("/srv/repo")
        with tempfile.TemporaryDirectory() as folder:
            for one in (*debs, *repository.glob("*.deb")):
                shutil.copy(one, folder)
                self.system.copy(Path(folder, one.name), "/srv/repo")
            listed = subprocess.run(
                ["dpkg-scanpackages", "--multiversion", "."], cwd=folder, capture_output=True, check=True
            )
        (repository / "Packages").write_bytes(listed.stdout)
        self.system.run("rm -rf /etc/apt/sources.list*; mkdir -p /etc/apt/sources.list.d")
        self.system.write("/etc/apt/sources.list", "deb [trusted=yes] file:/srv/repo ./\n")
        self.system.run("apt-get update -q")
        self.system.run(FIREWALL)

    def knock(self) -> None:
        """Sends the sequence from the client."""
        send_knock(self.client, SERVER, "31954", "20677", "48012")

    def opened(self) -> bool:
        """Whether the door is open to the client."""
        return CLIENT in self.system.run("nft list set inet filter knocked")

    def open_door(self) -> float:
        """Knocks, waits until the door is open, and returns when it knocked (monotonic, seconds)."""
        since = time.monotonic()
        self.knock()
        wait_until(self.opened, 20, "the door is open")
        return since

    def closes(self, since: float, seconds: float, what: str) -> None:
        """The door closes in its time, counted from ``since``: the knock, as a look may take seconds."""
        assert self.opened(), f"{what}: the door was closed early, after {time.monotonic() - since:.1f} s"
        wait_until(lambda: not self.opened(), seconds + 20, f"{what}: the door is closed")
        took = time.monotonic() - since
        assert seconds <= took <= seconds + 15, f"{what}: {took:.1f} s instead of {seconds}"
        say(f"  {what}: the door was closed {took:.1f} s after the knock (Cmd_Timeout = {seconds:.0f})")

    def files(self) -> set[str]:
        """Every file of the system but notes of dpkg, apt and the journal."""
        listed = self.system.run(f"{LEFT} | sort").splitlines()
        return {one for one in listed if not one.startswith(NOTED)}

    def status(self) -> str:
        """What the service manager was told."""
        return self.system.show("knockd", "StatusText")

    def failed_units(self) -> set[str]:
        """Units that have failed since the boot."""
        return self._read_failed() - self._failed_at_boot

    def _read_failed(self) -> set[str]:
        listed = self.system.run("systemctl list-units --state=failed --plain --no-legend")
        return {line.split()[0] for line in listed.splitlines()}

    def compiled(self) -> int:
        """The size of what Python has compiled of the package at its installation, in KiB."""
        found = self.system.run("find /usr/share/knockd -name '*.pyc' -printf '%s\\n'").split()
        return sum(map(int, found)) // 1024

    def memory(self) -> str:
        """PSS and RSS of the processes of the service, in MB."""
        group = self.system.show("knockd", "ControlGroup")
        pids = self.system.run(f"cat /sys/fs/cgroup{group}/cgroup.procs").split()
        sums = {"Pss": 0, "Rss": 0}
        for pid in pids:
            text = self.system.run(f"cat /proc/{pid}/smaps_rollup")
            for name in sums:
                found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
                assert found, text
                sums[name] += int(found[1])
        return f"PSS {sums['Pss'] / 1024:.1f} MB, RSS {sums['Rss'] / 1024:.1f} MB, {len(pids)} processes"

    def start_times(self) -> str:
        """How long ``systemctl start`` takes until packets are captured: the median of five, in ms."""
        times = []
        for _ in range(5):
            self.system.run("systemctl stop knockd")
            begun = time.monotonic()
            self.system.run("systemctl start knockd")
            times.append((time.monotonic() - begun) * 1000)
        return f"{statistics.median(times):.0f} ms ({', '.join(f'{one:.0f}' for one in times)})"
