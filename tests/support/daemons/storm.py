"""A storm of knocks at one door while the owner knocks at another, and what the commands of both did."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from tests.e2e.conftest import Pair
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, door
from tests.support.lab.processes import children, cpu_seconds
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet

STORM = 10_000
"""Packets of a storm."""

PORT = 4000
"""The one port of the door that is hit."""

KNOCKS = 5
"""How often the owner knocks meanwhile."""

_STEPS = ("1700", "1800")


def many_sources() -> list[str]:
    """An address of its own for each packet of a storm."""
    return [str(ip_address("198.18.0.0") + number) for number in range(1, STORM + 1)]


class Wait(NamedTuple):
    """What came first, from the last packet of an owner's knock to its command.

    ``cpu``: seconds of processor time of the daemon and its packet process. ``words``: what the commands of
    the storm's door did. Neither grows when the machine is busy with other things.
    """

    cpu: float
    words: int


def packet_process(daemon: Daemon) -> int:
    """The pid of the packet process, which is the daemon's first child."""
    return children(daemon.pid)[0]


@dataclass(frozen=True)
class Storm:
    """Two hosts, and a directory in which commands leave a line each."""

    pair: Pair
    directory: Path

    @property
    def ledger(self) -> Path:
        """A word for each thing that a command of the storm's door does."""
        return self.directory / "ledger"

    @property
    def opened(self) -> Path:
        """How long the ledger was when the owner's door opened, a line each."""
        return self.directory / "opened"

    def stormy(self, *, seconds: float = 0.0, stop: bool = True, **keys: object) -> str:
        """The door that is hit; its commands take ``seconds``."""
        does = f"echo {{0}} >> {self.ledger}; sleep {seconds}; echo {{0}}-end >> {self.ledger}".format
        stopping = {"stop_command": does("stop")} if stop else {}
        return door("storm", str(PORT), start_command=does("start"), **stopping, **keys)

    def owners(self, **keys: object) -> str:
        """The owner's door."""
        count = f"cat {self.ledger} 2>/dev/null | wc -l >> {self.opened}"
        return door("owner", ",".join(_STEPS), start_command=count, **keys)

    def rage(
        self, daemon: Daemon, sources: Sequence[str], owners: Iterable[str] = (CLIENT[4],) * KNOCKS
    ) -> list[Wait]:
        """A packet of each source hits the door, and owners knock at theirs in between.

        Returns what came before the command of each owner.
        """
        pids = daemon.pid, packet_process(daemon)
        macs = self.pair.server.mac("eth0"), self.pair.client.mac("eth0")
        frames = [ethernet(*macs, packet(source, SERVER[4], PORT)) for source in sources]
        owners = list(owners)
        part = len(frames) // len(owners)
        waits = []
        for number, owner in enumerate(owners):
            self.pair.client.send_frames("eth0", frames[number * part : (number + 1) * part])
            if owner == CLIENT[4]:
                send_knock(self.pair.client, SERVER[4], *_STEPS)
            else:
                knock = [ethernet(*macs, packet(owner, SERVER[4], int(step))) for step in _STEPS]
                self.pair.client.send_frames("eth0", knock)
            words, cpu = len(self.words()), sum(map(cpu_seconds, pids))
            wait_until(partial(self._has_opened, number + 1), 30, f"{owner} gets in")
            waits.append(Wait(sum(map(cpu_seconds, pids)) - cpu, self._lengths()[number] - words))
        return waits

    def _has_opened(self, times: int) -> bool:
        return len(self._lengths()) >= times

    def _lengths(self) -> list[int]:
        if not self.opened.exists():
            return []
        return [int(line) for line in self.opened.read_text().split("\n")[:-1]]

    def words(self) -> list[str]:
        """What the commands of the storm's door have done so far."""
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def calm(self) -> list[str]:
        """The same when none runs any more and none has begun for a while."""

        def still() -> list[str] | None:
            words = self.words()
            time.sleep(0.5)
            return words if words == self.words() and running_at_once(words)[-1:] == [0] else None

        return wait_until(still, 60, "the storm's commands come to their end")


def running_at_once(words: Iterable[str], verb: str = "") -> list[int]:
    """How many commands ran after each word (of ``verb`` alone, or of both)."""
    found, running = [], 0
    for word in words:
        if word.startswith(verb):
            running += -1 if word.endswith("-end") else 1
            found.append(running)
    return found


def resident(pid: int) -> int:
    """Resident memory of a process in KiB."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1])
