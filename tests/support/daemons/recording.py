"""What tcpdump recorded while a daemon listened, and which of its packets opened a door there.

The daemon runs with -D: the line of a packet comes before the line of what it opened.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from tests.support.daemons.daemon import environment
from tests.support.lab.hosts import Host, execute
from tests.support.lab.waiting import wait_until

_SHOWN = re.compile(r"\S+ \S+: (?:tcp|udp): (\S+):(\d+) -> (\S+):(\d+) \d+ bytes")
"""A packet as the daemon prints it."""

_DUMPED = re.compile(r"(?:\S+ +(?:In|Out) +)?IP6? (\S+)\.(\d+) > (\S+)\.(\d+): ")
"""A packet as tcpdump prints it; with SLL2 the interface is in front."""

_OPENED = re.compile(r"(\S+): (.+): OPEN SESAME")
_RAN = re.compile(r"(.+): running command: (.+)")

Packet = tuple[str, ...]
"""Source, its port, destination, its port."""


@dataclass(frozen=True)
class Opening:
    """A door opened for an address by the packet of that number, counted from 1 as tcpdump does."""

    packet: int
    ip: str
    door: str


@dataclass(frozen=True)
class Verdict:
    """What a daemon made of a capture: openings in order, and the commands that it ran."""

    openings: list[Opening]
    commands: list[str]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_verdict(path: Path) -> Verdict:
    """One that ``write`` wrote."""
    read = json.loads(path.read_text())
    return Verdict([Opening(**one) for one in read["openings"]], read["commands"])


class Recording:
    """tcpdump on a host, from entering the context to leaving it.

    ``link_type`` is one of tcpdump's names for -y, for interfaces that have several.
    """

    def __init__(self, host: Host, path: Path, interface: str, link_type: str | None = None) -> None:
        self._host, self._path = host, path
        chosen = () if link_type is None else ("-y", link_type)
        # In immediate mode a ring has few places for long packets, and loses some.
        room = ("-s", "2048", "-B", "8192", "--immediate-mode")
        self._argv = ("tcpdump", "-i", interface, *chosen, *room, "-n", "-U", "-Z", "root")

    def __enter__(self) -> None:
        heard = self._path.with_suffix(".err")
        with heard.open("wb") as error:
            self._process = self._host.popen(*self._argv, "-w", str(self._path), stderr=error)
        wait_until(lambda: b"listening on" in heard.read_bytes(), 10, "tcpdump listens")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        self._path.with_suffix(".err").unlink()


def judge(capture: Path, output: str) -> Verdict:
    """The verdict of a daemon that printed ``output`` on the packets of a capture."""
    numbers: dict[Packet, list[int]] = {}
    for number, packet in enumerate(read_packets(capture), 1):
        numbers.setdefault(packet, []).append(number)
    seen: dict[Packet, int] = {}
    latest: dict[str, int] = {}
    found = Verdict([], [])
    for line in output.splitlines():
        if shown := _SHOWN.fullmatch(line):
            packet = shown.groups()
            latest[packet[0]] = numbers[packet][seen.setdefault(packet, 0)]
            seen[packet] += 1
        elif opened := _OPENED.fullmatch(line):
            ip, door = opened.groups()
            found.openings.append(Opening(latest[ip], ip, door))
        elif ran := _RAN.fullmatch(line):
            found.commands.append(ran[2])
    return found


def read_packets(capture: Path) -> list[Packet]:
    """TCP and UDP packets of a capture by tcpdump; others are there as empty tuples."""
    lines = execute("tcpdump", "-n", "-t", "-r", str(capture)).splitlines()
    found = (_DUMPED.match(line) for line in lines if not line.startswith("\t"))
    return [match.groups() if match else () for match in found]


def replay(capture: Path, config: Path, local: str) -> Verdict:
    """The verdict of ``knockd --replay``; ``local`` are the addresses of the daemon's host."""
    argv = (sys.executable, "-m", "knockd", "-c", str(config), "--local", local, "--format", "json")
    done = subprocess.run(
        [*argv, "--replay", str(capture)], capture_output=True, env=environment(), check=True, timeout=60
    )
    events = json.loads(done.stdout)["events"]
    return Verdict(
        [
            Opening(event["packet"], event["ip"], event["door"])
            for event in events
            if event["event"] == "open"
        ],
        [event["command"] for event in events if "command" in event],
    )
