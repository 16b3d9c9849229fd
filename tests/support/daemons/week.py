"""A week of a server, played in minutes at a real daemon: what `knockctl log` is judged on by hand.

``python -m tests.support.daemons.week FOLDER ours|json|0.8`` writes FOLDER/knockd.log with two rotations, and
FOLDER/happened.txt, which says what was done. Each line keeps its distance from the moment of the story at
which it was written, and is moved with it to its day and hour; nothing else of the log is touched.
"""

from __future__ import annotations

import gzip
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.daemons.clients import knock_old
from tests.support.daemons.daemon import OURS, PEER, Daemon
from tests.support.daemons.doors import CLIENT_ADDRESSES, SERVER, SERVER_ADDRESSES, config, door
from tests.support.lab.enter import may_build, run
from tests.support.lab.hosts import Lab
from tests.support.lab.processes import children
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

MONDAY = datetime(2026, 11, 23)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PEOPLE = {"alice": "203.0.113.10", "bob": "203.0.113.11", "carol": "192.0.2.77", "dave": "198.51.100.200"}
STARTED = "starting"
QUIET = 0.3
"""Seconds without a line after which the log is complete."""


class Week:
    """The daemon, its clients, and the moments of the story."""

    def __init__(self, lab: Lab, folder: Path, form: str) -> None:
        self.server, self.client = lab.host("server"), lab.host("client")
        lab.link(self.server, "eth0", self.client, "eth0", SERVER_ADDRESSES, CLIENT_ADDRESSES)
        self.server.ip("route add default dev eth0")
        self.folder, self.ours = folder, form != "0.8"
        self.options = {"LogFormat": "json"} if form == "json" else {}
        program = OURS if self.ours else PEER
        self.daemon = Daemon(self.server, self.text(), folder, program=program, ready=None)
        self.moments: list[tuple[int, float, datetime]] = []
        self.happened: list[str] = []
        self._addresses: set[str] = set()

    def text(self) -> str:
        """The configuration; files in the folder make commands fail."""
        firewall = f"! test -e {self.folder}/locked || {{ echo firewall is locked; false; }} # %IP%"
        backend = f"! test -e {self.folder}/down || {{ echo backend is down; exit 3; }} # %IP%"
        quick = {"seq_timeout": 3, "tcpflags": "syn"}
        return config(
            door(
                "ssh",
                "7000,8000,9000",
                cmd_timeout=2,
                start_command="true add %IP%",
                stop_command=firewall,
                **quick,
            ),
            door("web admin", "7100,8100:udp,9100", start_command=backend, seq_timeout=3),
            door("openSSH", "7200,8200,9200", command="true iptables -A INPUT -s %IP% -j ACCEPT", **quick),
            door("closeSSH", "9200,8200,7200", command="true iptables -D INPUT -s %IP% -j ACCEPT", **quick),
            **self.options,
        )

    def at(self, when: str, what: str) -> None:
        """What follows happens then ("Mon 08:02"); waits until the log has all that came before."""
        size, since = self.size(), time.monotonic()
        while time.monotonic() < since + QUIET:
            now = self.size()
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(0.02)
        day, _, clock = when.partition(" ")
        hours, minutes = map(int, clock.split(":"))
        moment = MONDAY + timedelta(days=DAYS.index(day), hours=hours, minutes=minutes)
        self.moments.append((size, time.time(), moment))
        self.happened.append(f"{when} {what}")
        print(self.happened[-1], flush=True)

    def size(self) -> int:
        """Bytes of log so far."""
        path = self.daemon.log_path
        return path.stat().st_size if path.exists() else 0

    def begin(self) -> None:
        """Starts the daemon with the files that are there."""
        before = self.daemon.count(STARTED)
        self.daemon.__enter__()
        wait_until(lambda: self.daemon.count(STARTED) > before, 10, "it listens")
        time.sleep(0.3)

    def be(self, address: str) -> None:
        """The client sends from that address now."""
        if address not in self._addresses:
            self._addresses.add(address)
            self.client.ip(f"addr add {address}/32 dev eth0")
        self.client.ip(f"route replace 10.7.0.0/24 dev eth0 src {address}")

    def knock(self, who: str, *steps: str, wait: float = 0.0) -> None:
        """A person knocks with 0.8's client; ``wait`` seconds between steps."""
        self.be(PEOPLE[who])
        for step in steps:
            knock_old(self.client, SERVER[4], step)
            time.sleep(wait)

    def scan(self, addresses: Sequence[str], *options: str) -> None:
        """nmap from each address."""
        for address in addresses:
            self.be(address)
            fast = ("-n", "-Pn", "-sS", "-T5", "--max-retries", "0", "--min-rate", "20000")
            self.client.run("nmap", *fast, *options, SERVER[4], timeout=120)

    def flood(self, count: int) -> None:
        """SYNs to the first ports and beside them from ever new sources, in a tenth of a second."""
        macs = self.server.mac("eth0"), self.client.mac("eth0")
        ports = (7000, 7001, 7200, 8000)
        frames = [
            ethernet(*macs, packet(f"100.{64 + n // 250}.{n % 250}.9", SERVER[4], ports[n % 4]))
            for n in range(count)
        ]
        self.client.send_frames("eth0", frames)

    def reload(self, text: str) -> None:
        """A new file, and HUP. A file that 0.8 cannot read ends it; then somebody starts it again."""
        self.daemon.write_config(text)
        self.daemon.signal(signal.SIGHUP)
        time.sleep(1)

    def kill(self) -> None:
        """The daemon and all of it, at once."""
        self.daemon.process.kill()
        self.daemon.process.wait()


SSH, WEB = ("7000", "8000", "9000"), ("7100", "8100:udp", "9100")
OPEN_SSH, CLOSE_SSH = ("7200", "8200", "9200"), ("9200", "8200", "7200")


def play(week: Week) -> None:
    """The story."""
    week.at("Mon 00:05", "the daemon starts")
    week.begin()
    for day in DAYS[:5]:
        week.at(f"{day} 08:02", "alice opens ssh, 2 s later it is closed")
        week.knock("alice", *SSH)
        time.sleep(2.5)
        if day in {"Mon", "Thu"}:
            week.at(f"{day} 08:31", "bob opens web admin")
            week.knock("bob", *WEB)
        _DAY[day](week)
    _weekend(week)


def _monday(week: Week) -> None:
    week.at("Mon 09:15", "carol knocks at ssh in the wrong order, then right")
    week.knock("carol", "7000", "9000")
    week.knock("carol", *SSH)
    time.sleep(2.5)
    week.at("Mon 12:00", "five hosts of 198.51.100.0/24 scan ports 6900 to 9300 in order")
    week.scan([f"198.51.100.{n}" for n in range(5)], "-r", "-p", "6900-9300")
    week.at("Mon 22:40", "2,000 sources send a SYN each")
    week.flood(2_000)
    time.sleep(4)


def _tuesday(week: Week) -> None:
    good = week.text()
    week.at(
        "Tue 08:10",
        "a reload with a file with a mistake" + ("" if week.ours else ": it ends, 08:14 it is started"),
    )
    week.reload(good.replace("seq_timeout = 3", "seq_timeout = soon", 1) + "[half\n")
    week.at("Tue 08:14", "the file is mended, and reloaded")
    if week.daemon.process.poll() is None:
        week.reload(good)
    else:
        week.daemon.write_config(good)
        week.begin()
    week.at("Tue 14:00", "bob is too slow at web admin, twice, then in time")
    for wait in (1.8, 1.8, 0.0):
        week.knock("bob", *WEB, wait=wait)
        time.sleep(wait * 2)
    week.at("Tue 23:10", "alice opens ssh at night")
    week.knock("alice", *SSH)
    time.sleep(2.5)


def _wednesday(week: Week) -> None:
    if week.ours:
        week.at("Wed 09:12", "the packet process is killed")
        for pid in children(week.daemon.pid):
            week.server.run("kill", "-9", str(pid))
        time.sleep(3)
    week.at(
        "Wed 10:28",
        "carol opens ssh; the daemon is killed (kill -9) half a second later, and started in 10 s",
    )
    week.knock("carol", *SSH)
    time.sleep(0.5)
    week.kill()
    time.sleep(1)
    week.begin()
    time.sleep(3)
    week.at("Wed 15:00", "the backend of web admin is down: bob tries twice")
    (week.folder / "down").touch()
    week.knock("bob", *WEB)
    time.sleep(1)
    week.knock("bob", *WEB)
    time.sleep(1)
    (week.folder / "down").unlink()


def _thursday(week: Week) -> None:
    week.at("Thu 09:00", "the firewall is locked: carol's ssh cannot be closed")
    (week.folder / "locked").touch()
    week.knock("carol", *SSH)
    time.sleep(4)
    week.at("Thu 09:20", "the firewall is free again")
    (week.folder / "locked").unlink()
    time.sleep(8)
    week.at("Thu 15:00", "dave, who never knocked before, opens ssh")
    week.knock("dave", *SSH)
    time.sleep(2.5)


def _friday(week: Week) -> None:
    week.at("Fri 11:00", "alice hits a port beside the right one, tries again at once, and again 4 s later")
    week.knock("alice", "7000", "8001", "9000")
    week.knock("alice", *SSH)
    time.sleep(4)
    week.knock("alice", *SSH)
    time.sleep(2.5)
    week.at("Fri 18:00", "an upgrade: stopped while ssh is open for bob, and started")
    week.knock("bob", *SSH)
    time.sleep(0.3)
    week.daemon.stop()
    week.begin()


_DAY = {"Mon": _monday, "Tue": _tuesday, "Wed": _wednesday, "Thu": _thursday, "Fri": _friday}


def _weekend(week: Week) -> None:
    week.at("Sat 02:00", "40 hosts of 185.7.33.0/24 scan 7000-7010,8000-8010 at random")
    week.scan([f"185.7.33.{n}" for n in range(40)], "-p", "7000-7010,8000-8010")
    time.sleep(4)
    week.at("Sun 13:00", "carol opens with openSSH")
    week.knock("carol", *OPEN_SSH)
    week.at("Sun 13:45", "carol closes with closeSSH")
    week.knock("carol", *CLOSE_SSH)
    week.at("Sun 20:00", "bob opens with openSSH, and does not close")
    week.knock("bob", *OPEN_SSH)
    week.at("Sun 23:30", "alice's knock is cut short: two steps of three")
    week.knock("alice", "7000", "8000")
    time.sleep(4)
    week.at("Sun 23:59", "end")


_MINUTE = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d)\] ")
_JSON = re.compile(r'\{"time": "([^"]+)"')


def move(log: bytes, moments: Sequence[tuple[int, float, datetime]]) -> list[tuple[datetime, bytes]]:
    """Lines with the times of the story."""
    found: list[tuple[datetime, bytes]] = []
    at = place = 0
    for line in log.splitlines(keepends=True):
        while place + 1 < len(moments) and at >= moments[place + 1][0]:
            place += 1
        at += len(line)
        _, real, told = moments[place]
        found.append(_moved(line.decode(), real, told) or (found[-1][0], line))
    return found


def _moved(line: str, real: float, told: datetime) -> tuple[datetime, bytes] | None:
    """A line that was written when ``real`` was ``told``; None: it has no stamp."""
    if match := _MINUTE.match(line):
        minute = datetime.fromtimestamp(real).replace(second=0, microsecond=0)
        when = told + (datetime.strptime(match[1], "%Y-%m-%d %H:%M") - minute)
        return when, f"[{when:%Y-%m-%d %H:%M}] {line[match.end() :]}".encode()
    if match := _JSON.match(line):
        stamp = datetime.fromisoformat(match[1])
        when = told + (stamp - datetime.fromtimestamp(real, stamp.tzinfo))
        text = when.replace(tzinfo=stamp.tzinfo).isoformat(timespec="milliseconds")
        return when, f'{{"time": "{text}"{line[match.end() :]}'.encode()
    return None


def main(folder: Path, form: str) -> None:
    """Plays the week and writes its log: two days to a file, the oldest packed."""
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        week = Week(lab, Path(scratch), form)
        play(week)
        log = week.daemon.log_path.read_bytes()
        week.kill()
    lines = move(log, week.moments)
    log_file = folder / "knockd.log"
    for path, first, last in (
        (log_file, 4, 8),
        (folder / "knockd.log.1", 2, 4),
        (folder / "knockd.log.2", 0, 2),
    ):
        days = MONDAY + timedelta(days=first), MONDAY + timedelta(days=last)
        path.write_bytes(b"".join(line for when, line in lines if days[0] <= when < days[1]))
    (folder / "knockd.log.2.gz").write_bytes(gzip.compress((folder / "knockd.log.2").read_bytes()))
    (folder / "knockd.log.2").unlink()
    (folder / "happened.txt").write_text("\n".join(week.happened) + "\n")


if __name__ == "__main__":
    if not may_build():
        run([sys.executable, "-m", "tests.support.daemons.week", *sys.argv[1:]])
    main(Path(sys.argv[1]), sys.argv[2])
