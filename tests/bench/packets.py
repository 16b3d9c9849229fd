"""What one packet costs once it has passed the filter, and what millions of strangers leave behind.

No network: prepared batches go through the engine as the packet process drives it.
"""

from __future__ import annotations

import array
import gc
import subprocess
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import accumulate
from pathlib import Path
from statistics import median
from struct import Struct

from knockd.knocks.attempts import Attempts
from knockd.knocks.batch import RECORD
from knockd.knocks.guards import guard_rules, guards_of, with_guards
from knockd.knocks.memory import MAX_ATTEMPTS
from knockd.knocks.session import Frames, Origin, Session
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Door, FlagRule, GuardPorts, Step
from knockd_conf.protocol import Protocol
from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.traffic import Kind, Sources, frames
from tests.support.daemons.daemon import ROOT, environment
from tests.support.daemons.doors import SERVER
from tests.support.samples.frames import SYN

BATCH = 1_024
SLACK = 0.02
"""Frames read at once, and seconds that a packet may wait without being late, as in the packet process."""

GENERATION = Attempts(MAX_ATTEMPTS).full
"""Sources that the yardstick remembers in a dict, as many as the matcher does."""

ROUNDS = 7

RATE = 100_000
"""Packets a second on the engine's clock."""

IN_TIME, BACKLOG = 0.001, 0.2
"""Seconds that packets have waited in the ring: as usual, and while the packet process is behind."""

KINDS = (
    Kind("first port", 7000),
    Kind("middle port", 8000),
    Kind("guard port", 7001),
    Kind("UDP", 7002, protocol=Protocol.UDP, flags=0),
    Kind("IPv6", 7000, version=6),
    Kind("IPv6, extension header", 7000, version=6, extended=True),
)
SLOW = KINDS[-1].name
FLOODS = {**{kind.name: (kind,) for kind in KINDS}, "all but the last in turn": KINDS[:-1]}
"""What is measured: batches of one kind, and of several."""

LOCAL = OWN = frozenset(ip_address(address).packed for address in SERVER.values())

HOW = (
    "No network: {count:,} frames of each kind, and of all but the slowest mixed, every one from another"
    " source, go in batches of 1,024 through the engine as the packet process drives it, at 100,000/s on"
    " its clock: decode, guards, flags, matcher, expiry, log limits; processor time, median of {rounds}"
    " processes, all kinds in turn."
    " The yardstick is the least that anybody could do in Python, in the same processes' turn: read port"
    " and source of the first kind's frames and remember the source in two dicts, with no other check. 0.8"
    " cannot be measured so (see Flood: processor per packet read, the kernel's copying included). Memory:"
    " resident size of such a process, half of the sources over IPv4, half over IPv6. Extension headers are"
    " the slow path and have no bound of their own: what a flood of them does to knocks is measured below."
)


MIXED = (
    "All kinds in turn defeat the way of whole batches: each packet is read, looked up and remembered by"
    " itself, and CPython takes most of the time (a loop that does next to nothing is the yardstick)."
)

Batch = tuple[bytes, Sequence[int]]
"""Frames one after the other, and the length of each."""


class Feed:
    """The engine as the packet process drives it, without capture and keeper."""

    def __init__(self) -> None:
        door = Door("a", "", 1, (Step(7000), Step(8000), Step(9000)), flags=FlagRule(SYN, 0), seq_timeout=5)
        steps = tuple(Step(port, Protocol.UDP) for port in (7002, 8002, 9002))
        doors = (door, Door("u", "", 2, steps, seq_timeout=5))
        watches = watches_of(doors)
        guards = guards_of(watches, guard_rules(doors, GuardPorts()), Taken())
        watches = with_guards(watches, guards)
        self._session = Session(watches, slack=SLACK)
        self._now = time.monotonic()
        self._session.expire_attempts(self._now, drained=True)
        self.events = 0

    def judge(self, batch: Batch, behind: float = IN_TIME) -> float:
        """One batch; processor seconds it took.

        As many packets come in a second as RATE says, so attempts expire as they would. They have
        been ``behind`` seconds in the ring.
        """
        data, lengths = batch
        self._now += len(lengths) / RATE
        stamp = self._now - behind
        records = array.array("I", RECORD.pack(int(stamp), int(stamp % 1 * 1e6), 0, 0) * len(lengths))
        records[2::4] = array.array("I", accumulate(lengths[:-1], initial=0))
        records[3::4] = array.array("I", lengths)
        packed = records.tobytes()
        start = time.process_time()
        self._turn(data, packed)
        return time.process_time() - start

    def _turn(self, data: bytes, records: bytes) -> None:
        """One turn of the packet process's loop: what it does between reading and waiting again."""
        now, session = self._now, self._session
        session.refill_limits(now)
        for _ in session.judge(Frames(data, records, DLT_EN10MB), Origin(0, LOCAL, OWN), now, 0.0):
            self.events += 1
        session.expire_attempts(now, drained=True)
        session.take_held()


def batch(kinds: Sequence[Kind], sources: Sources) -> Batch:
    """Frames of the kinds in turn, each from another source."""
    templates = [kind.template() for kind in kinds]
    each = -(-BATCH // len(kinds))
    made = [
        frames(template, sources.take(each, kind.version))
        for kind, template in zip(kinds, templates, strict=True)
    ]
    if len(kinds) == 1:
        return bytes(made[0]), [len(templates[0])] * BATCH
    sizes = [len(template) for template in templates]
    order = [(number % len(kinds), number // len(kinds)) for number in range(BATCH)]
    data = b"".join(made[kind][at * sizes[kind] : (at + 1) * sizes[kind]] for kind, at in order)
    return data, [sizes[kind] for kind, _ in order]


def cost(kinds: Sequence[Kind], count: int, behind: float) -> float:
    """Microseconds a packet of ``kinds``, from ever new sources, sweeps of the tables included."""
    feed, sources = Feed(), Sources()
    batches = [batch(kinds, sources) for _ in range(count // BATCH)]
    gc.freeze()
    return sum(feed.judge(one, behind) for one in batches) / (len(batches) * BATCH) * 1e6


def yardstick(count: int) -> float:
    """Microseconds a packet of a loop that reads port and source, remembers the source and checks nothing."""
    sources, template, records = Sources(), KINDS[0].template(), bytearray()
    floods = [bytes(frames(template, sources.take(BATCH))) for _ in range(count // BATCH)]
    for at in range(BATCH):
        records += RECORD.pack(0, 0, at * len(template), len(template))
    young: dict[bytes, float] = {}
    old: dict[bytes, float] = {}
    read = Struct(">26x4s6xH").unpack_from
    gc.freeze()
    start = time.process_time()
    for flood in floods:
        now = time.monotonic()
        for _, _, offset, _ in RECORD.iter_unpack(records):
            source, port = read(flood, offset)
            if port == KINDS[0].port and source not in young and source not in old:
                if len(young) >= GENERATION:
                    old, young = young, {}
                young[source] = now
    return (time.process_time() - start) / (len(floods) * BATCH) * 1e6


def growth(count: int) -> float:
    """Megabytes by which ``count`` sources make a packet process grow; half over IPv4, half over IPv6."""
    feed, sources = Feed(), Sources()
    four, six = KINDS[0], KINDS[4]
    for kind in (four, six, KINDS[2]):
        feed.judge(batch((kind,), sources))
    before = _rss()
    most = before
    for kind in (four, six):
        for _ in range(count // 2 // BATCH):
            feed.judge(batch((kind,), sources))
            most = max(most, _rss())
    return (most - before) / 1024


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def run(quick: bool, say: Say) -> Outcome:
    """Each measurement in a process of its own."""
    count = 100_000 if quick else 500_000
    sources = 500_000 if quick else 10_000_000
    rounds = 1 if quick else ROUNDS
    wanted: dict[str, tuple[object, ...]] = {name: ("cost", name, count, IN_TIME) for name in FLOODS}
    wanted[f"{KINDS[0].name}, {BACKLOG * 1000:g} ms behind"] = ("cost", KINDS[0].name, count, BACKLOG)
    wanted["yardstick"] = ("yardstick", count)
    took: dict[str, list[float]] = {name: [] for name in wanted}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, words in wanted.items():  # in turn, so that a slow moment of the machine is everybody's
            took[name].append(_apart(*words))
    bare = median(took.pop("yardstick"))
    figures = [Figure("yardstick", "us a packet", bare)]
    for name, found in took.items():
        one = median(found)
        slow = name == SLOW
        figures.append(Figure(name, "us a packet", one) if slow else at_most(name, "us a packet", one, 1.5))
        figures.append(Figure(f"{name}, in yardsticks", "", one / bare))
    say(f"{sources:,} sources")
    grown = _apart("growth", sources)
    figures.append(at_most(f"growth of memory after {sources:,} sources", "MB", grown, 8))
    how = HOW.format(count=count, rounds=rounds)
    return Outcome("Packets that passed the filter", how, tuple(figures), (MIXED,))


def _apart(*words: object) -> float:
    command = [sys.executable, "-m", "tests.bench.packets", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "cost":
        print(cost(FLOODS[sys.argv[2]], int(sys.argv[3]), float(sys.argv[4])))
    elif sys.argv[1] == "yardstick":
        print(yardstick(int(sys.argv[2])))
    else:
        print(growth(int(sys.argv[2])))
