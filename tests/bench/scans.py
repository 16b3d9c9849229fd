"""Port scans, which are to open nothing, and real knocks by many clients, which are to open always."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

from tests.bench.figures import Outcome, Say, at_least, at_most
from tests.bench.stage import TCP_STEPS, Stage, stage
from tests.bench.subject import Subject, Who, settle
from tests.bench.traffic import Replay, Sources, write_scans
from tests.support.daemons.daemon import environment
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.samples.frames import ethernet, packet

PORTS = range(1, 65_536)
RANDOM_SCANS = 300
MAY_OPEN = 1
"""Random scans that may open by chance: 300 times 1 in 17,550 is far less than one."""

AT_ONCE = 20
"""Scans in one pcap file."""

HOW = (
    "Both daemons listen on one interface with the shipped door (7000,8000,9000, TCPFlags syn) and see"
    " the same packets. Ordered scans: `nmap -r -sS -p-` from the client (the server answers), then"
    " ascending and descending ones played by tcpreplay; random ones: {scans} permutations of all 65,535"
    " ports, played; each from a source of its own. Real knocks, the server dropping them: {knocks}, a"
    " quarter each by our knock, 0.8's knock, `nc -z -w 2` and `nmap -sS` with its own repeats (the last"
    " two with a Seq_Timeout of 30 s, for they wait for answers)."
)


def text(seq_timeout: int) -> str:
    """The shipped door."""
    keys = {"seq_timeout": seq_timeout, "tcpflags": "syn", "start_command": "/bin/true"}
    return config(door("door", ",".join(TCP_STEPS), **keys))


def openings(subject: Subject) -> Counter[str]:
    """How many times the door opened, by source."""
    return Counter(line.split(":")[0] for line in subject.log_lines() if line.endswith("OPEN SESAME"))


class Players:
    """Plays scans from ever new sources; keeps which source played what."""

    def __init__(self, on: Stage, folder: Path) -> None:
        self._on, self._folder = on, folder
        self._sources = Sources(seed=7)
        self._macs = on.macs()

    def play(self, orders: Sequence[Sequence[int]]) -> list[str]:
        """One scan for each order of ports; their sources."""
        sources = [str(ip_address(number)) for number in self._sources.take(len(orders))]
        pcap = self._folder / "scans.pcap"
        for first in range(0, len(orders), AT_ONCE):
            few = zip(sources[first : first + AT_ONCE], orders[first : first + AT_ONCE], strict=True)
            write_scans(pcap, [(self._frame(source), ports) for source, ports in few])
            Replay(self._on.client, pcap).wait()
        return sources

    def _frame(self, source: str) -> bytes:
        return ethernet(*self._macs, packet(source, SERVER[4], 0))


def orders(count: int) -> list[Sequence[int]]:
    """``count`` permutations of all ports."""
    dice = random.Random(3)
    made: list[Sequence[int]] = []
    for _ in range(count):
        ports = list(PORTS)
        dice.shuffle(ports)
        made.append(ports)
    return made


def scan(count: int, folder: Path, say: Say) -> dict[Who, tuple[int, int, int]]:
    """Ordered scans that opened, by nmap and played, and random ones, for each daemon."""
    with (
        stage(drop=False) as on,
        Subject(Who.OURS, on.server, text(5), folder) as ours,
        Subject(Who.PEER, on.server, text(5), folder) as peer,
    ):
        both = {Who.OURS: ours, Who.PEER: peer}
        players = Players(on, folder)
        say("nmap -r -sS -p-")
        on.client.run(
            *("nmap", "-r", "-sS", "-p-", "-n", "-Pn", "-T5", "--min-rate", "20000", SERVER[4]), timeout=120
        )
        say("ordered scans")
        ordered = players.play([PORTS, PORTS[::-1]])
        say(f"{count} random scans")
        shuffled = players.play(orders(count))
        found = {}
        for who, subject in both.items():
            settle(subject)
            opened = openings(subject)
            by_nmap, in_order, at_random = (
                sum(opened[source] > 0 for source in some) for some in ([CLIENT[4]], ordered, shuffled)
            )
            found[who] = (by_nmap, in_order, at_random)
        return found


def knocks(each: int, folder: Path, say: Say) -> dict[Who, Counter[str]]:
    """Openings by each kind of client, ``each`` knocks of a kind, for each daemon."""
    with (
        stage() as on,
        Subject(Who.OURS, on.server, text(30), folder) as ours,
        Subject(Who.PEER, on.server, text(30), folder) as peer,
    ):
        both = {Who.OURS: ours, Who.PEER: peer}
        found: dict[Who, Counter[str]] = {who: Counter() for who in Who}
        seen: dict[Who, Counter[str]] = {who: Counter() for who in Who}
        for kind, program in {
            "our knock": (sys.executable, "-m", "knockd.client"),
            "0.8's knock": ("knock",),
        }.items():
            say(f"{each} by {kind}")
            for _ in range(each):
                on.client.popen(*program, "-d", "20", SERVER[4], *TCP_STEPS, env=environment()).wait(10)
                time.sleep(0.1)
            for who, subject in both.items():
                settle(subject)
                opened = openings(subject)
                found[who][kind] = opened[CLIENT[4]] - seen[who][CLIENT[4]]
                seen[who] = opened
        for number, kind in enumerate(("nc -z", "nmap")):
            say(f"{each} by {kind}")
            sources = [on.knocker(number * each + n) for n in range(each)]
            with ThreadPoolExecutor(each) as pool:
                list(pool.map(lambda source, kind=kind: _patient(on, kind, source), sources))
            for who, subject in both.items():
                settle(subject)
                found[who][kind] = sum(openings(subject)[source] > 0 for source in sources)
        return found


def _patient(on: Stage, kind: str, source: str) -> None:
    """A knock by a client that waits for an answer at each port and repeats its packets."""
    for port in TCP_STEPS:
        if kind == "nmap":
            on.client.status("nmap", "-n", "-Pn", "-sS", "-S", source, "-e", "eth0", "-p", port, SERVER[4])
        else:
            on.client.status("nc", "-z", "-w", "2", "-s", source, SERVER[4], port)


def run(quick: bool, say: Say) -> Outcome:
    """Scans, then knocks."""
    count, each = (20, 5) if quick else (RANDOM_SCANS, 25)
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name:
        scans = scan(count, Path(name, "scans"), say)
        real = knocks(each, Path(name, "knocks"), say)
    (our_nmap, our_ordered, our_random), (peer_nmap, peer_ordered, peer_random) = (scans[who] for who in Who)
    figures = [
        at_most("openings by `nmap -r -sS -p-`", "of 1", our_nmap, 0, peer_nmap),
        at_most("openings by played scans, ascending and descending", "of 2", our_ordered, 0, peer_ordered),
        at_most("openings by random scans", f"of {count}", our_random, MAY_OPEN, peer_random),
    ]
    figures += [
        at_least(
            f"real knocks that open: {kind}", f"of {each}", real[Who.OURS][kind], each, real[Who.PEER][kind]
        )
        for kind in real[Who.OURS]
    ]
    how = HOW.format(scans=count, knocks=4 * each)
    return Outcome("Scans", how, tuple(figures))
