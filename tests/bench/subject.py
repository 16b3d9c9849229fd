"""The two daemons under measurement, ours and Debian's 0.8, and what the kernel says of their processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from knockd.process.name import PACKETS
from tests.bench.kernel import PacketStatistics, packet_sockets
from tests.support.daemons.daemon import LISTENING, OURS, PEER, Daemon
from tests.support.lab.hosts import Host
from tests.support.lab.processes import cpu_seconds


class Who(Enum):
    """Whose figure it is."""

    OURS = "ours"
    PEER = "0.8"


PROGRAMS = {Who.OURS: OURS, Who.PEER: PEER}


class Subject(Daemon):
    """One daemon as it runs on a router: in the foreground, its log in a file, nothing on a terminal."""

    def __init__(
        self,
        who: Who,
        host: Host,
        config: str,
        directory: Path,
        *,
        patience: float = 10.0,
        program: tuple[str, ...] = (),
    ) -> None:
        """``directory`` gets a folder for it; ``patience``: seconds it may take until it listens.

        ``program`` is the command that runs it (default: this checkout's, or Debian's).
        """
        folder = directory / who.name.lower()
        folder.mkdir(parents=True)
        options = ("--state-dir", str(folder / "state")) if program and who is Who.OURS else ()
        super().__init__(host, config, folder, *options, program=program or PROGRAMS[who], ready=None)
        self.argv = tuple(word for word in self.argv if word != "-v")
        self._who, self._patience = who, patience

    def __enter__(self) -> Subject:
        super().__enter__()
        self.wait_for(LISTENING, self._patience)
        return self

    def stop(self, timeout: float = 10.0) -> int:
        """As of any daemon; but 0.8 does not heed a TERM while it works off a backlog, and is killed."""
        try:
            return super().stop(timeout)
        except subprocess.TimeoutExpired:
            if self._who is Who.OURS:
                raise
            return int(self.process.returncode)

    def pids(self) -> list[int]:
        """The daemon and its packet process; commands that it runs are not counted."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        names = {_name(self.pid), f"{PACKETS}\n"}
        return [self.pid, *(int(pid) for pid in children if _name(int(pid)) in names)]

    def usage(self) -> Usage:
        """What it has used until now."""
        return measure_usage(self.pids(), self.log_path)

    def captured(self) -> PacketStatistics:
        """Frames that passed its filters and frames its rings had no room for, since the last call."""
        total = PacketStatistics(0, 0)
        for pid in self.pids():
            for sock in packet_sockets(pid):
                with sock:
                    total += sock.statistics()
        return total

    def filters(self) -> list[list[tuple[int, int, int, int]]]:
        """The programs that the kernel runs on its capture sockets, as (code, jt, jf, k) rows."""
        found = []
        for pid in self.pids():
            for sock in packet_sockets(pid):
                with sock:
                    found.append(sock.filter())
        return found


@dataclass(frozen=True)
class Usage:
    """Processor seconds, resident and proportional memory in kB, context switches, bytes of log."""

    cpu: float
    rss: int
    pss: int
    switches: int
    log: int

    def since(self, before: Usage) -> Usage:
        """What has been added since ``before``."""
        return Usage(
            self.cpu - before.cpu,
            self.rss - before.rss,
            self.pss - before.pss,
            self.switches - before.switches,
            self.log - before.log,
        )


def measure_usage(pids: Sequence[int], log: Path) -> Usage:
    """What processes have used until now, and the size of their log."""
    return Usage(
        sum(map(cpu_seconds, pids)),
        sum(_field(pid, "status", "VmRSS") for pid in pids),
        sum(_field(pid, "smaps_rollup", "Pss") for pid in pids),
        sum(map(_switches, pids)),
        log.stat().st_size if log.exists() else 0,
    )


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return ""


def _field(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"{name} in /proc/{pid}/{file}")


def _switches(pid: int) -> int:
    return sum(_field(pid, "status", f"{kind}_ctxt_switches") for kind in ("voluntary", "nonvoluntary"))


class Measured(Protocol):
    """A daemon that can be asked what it has used."""

    def usage(self) -> Usage:
        """What it has used until now."""


def settle(subject: Measured, *, within: float = 20.0) -> None:
    """Wait until a daemon has worked off what it was sent: no processor time for half a second."""
    end = time.monotonic() + within
    before = -1.0
    while time.monotonic() < end:
        now = subject.usage().cpu
        if now == before:
            return
        before = now
        time.sleep(0.5)
