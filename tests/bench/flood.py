"""Strangers at full speed: spoofed packets at a knock port while real knocks go on."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, Outcome, Point, Say, at_least, at_most
from tests.bench.knocks import Knock, Stamps, knock
from tests.bench.stage import TCP_STEPS, UDP_STEPS, Stage, doors, stage
from tests.bench.subject import Subject, Who, settle
from tests.bench.traffic import Kind, Replay, Sent, Sources, write_pcap
from tests.support.daemons.doors import SERVER
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import UDP

FIRST = Kind("first port", 7000)
VARIANTS = (
    Kind("middle port", 8000),
    Kind("guard port", 7001),
    Kind("UDP", 7002, protocol=UDP, flags=0),
    Kind("IPv6", 7000, version=6),
    Kind("IPv6, extension header", 7000, version=6, extended=True),
)
RATES = (5_000, 20_000, 50_000, 100_000, None)
VARIANT_RATE = 50_000
RING_PROBE = 100_000
"""Packets sent to a stopped daemon: more than a ring holds."""

BUFFERS = (4_096, 8_192)
"""Sizes of the ring to try besides the default, in KiB."""

PAUSE = 0.02
"""Seconds between two packets of a real knock."""

IN_TIME = 0.05
"""Seconds from a knock's last packet to its command within which it counts."""


HOW = (
    "tcpreplay sends SYNs to the first port of a door for {seconds} s, every packet from another source"
    " (2 million, then again), over a veth pair to a server that drops all TCP and UDP behind the capture."
    " Meanwhile {knocks} knocks, each from an address of its own, by kernel sockets, 20 ms between"
    " packets. A knock counts when the first instruction of its command runs within 50 ms of its last"
    " packet. Drops are the kernel's count for the capture socket; processor time is user and system time"
    " of the daemon's processes until it has worked everything off; other packets than TCP over IPv4 come"
    " with knocks of their kind."
)


@dataclass(frozen=True)
class Flooded:
    """What one flood did to one daemon."""

    sent: Sent
    knocks: int
    opened: int
    in_time: int
    captured: int
    dropped: int
    cpu: float
    log: int
    rss: int

    @property
    def share(self) -> float:
        """Knocks that opened in time, per hundred."""
        return 100 * self.in_time / self.knocks

    @property
    def ever(self) -> float:
        """Knocks that opened, however late, per hundred."""
        return 100 * self.opened / self.knocks

    @property
    def load(self) -> float:
        """Processor time while the flood lasted and until it was worked off, per hundred of one core."""
        return 100 * self.cpu / self.sent.seconds


class Flood:
    """Pcap files and the stage, kept for many floods."""

    def __init__(self, on: Stage, directory: Path, *, seconds: int, knocks: int, sources: int) -> None:
        self._on, self._directory = on, directory
        self._seconds, self._knocks, self._sources = seconds, knocks, sources
        self._stamps = Stamps(directory)
        self._runs = 0

    def pcap(self, kind: Kind) -> Path:
        """The strangers' packets of one kind, made once."""
        path = self._directory / f"{kind.name.replace(' ', '-')}.pcap"
        if not path.exists():
            sources = Sources().take(self._sources, kind.version)
            write_pcap(path, kind.template(*self._on.macs()), sources)
        return path

    def run(self, who: Who, kind: Kind, rate: int | None) -> Flooded:
        """One daemon, one flood, ``knocks`` real knocks spread over it."""
        self._runs += 1
        name = f"run-{self._runs}"
        text = doors(self._stamps.command(f"{name}.stamps"))
        with Subject(who, self._on.server, text, self._directory / name) as subject:
            before = subject.usage()
            subject.captured()
            pcap, base = self.pcap(kind), self._transmitted()
            replay = Replay(self._on.client, pcap, rate=rate, seconds=self._seconds)
            wait_until(lambda: self._transmitted() > base + 100, 20, "tcpreplay sends")
            sent = self._knock(kind)
            replayed = replay.wait()
            settle(subject)
            used, captured = subject.usage().since(before), subject.captured()
        stamps = self._stamps.read(f"{name}.stamps")
        delays = [one.delay(stamps) for one in sent]
        opened = [delay for delay in delays if delay is not None]
        return Flooded(
            replayed,
            len(sent),
            len(opened),
            sum(delay <= IN_TIME for delay in opened),
            captured.packets,
            captured.drops,
            used.cpu,
            used.log,
            used.rss,
        )

    def ring(self, who: Who, buffer: int | None = None) -> float:
        """Milliseconds for which one daemon can be stopped at VARIANT_RATE until its ring is full.

        ``buffer`` in KiB, None: the default.
        """
        options = {} if buffer is None else {"Buffer": buffer}
        text = doors(self._stamps.command("ring.stamps"), **options)
        with Subject(who, self._on.server, text, self._directory / f"ring-{buffer}") as subject:
            subject.captured()
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for pid in subject.pids():
                    os.kill(pid, number)
                if number == signal.SIGSTOP:
                    Replay(self._on.client, self.pcap(FIRST), rate=VARIANT_RATE, limit=RING_PROBE).wait()
                    seen = subject.captured()
            settle(subject)
        return (seen.packets - seen.drops) / VARIANT_RATE * 1000

    def _transmitted(self) -> int:
        """Packets that the client's interface has sent."""
        with self._on.client.entered():
            for line in Path("/proc/thread-self/net/dev").read_text().splitlines():
                name, _, numbers = line.partition(":")
                if name.strip() == "eth0":
                    return int(numbers.split()[9])
        raise LookupError("eth0")

    def _knock(self, kind: Kind) -> list[Knock]:
        steps = UDP_STEPS if kind.protocol == UDP else TCP_STEPS
        start, apart = time.monotonic(), (self._seconds - 1) / self._knocks
        sent = []
        for number in range(self._knocks):
            time.sleep(max(0.0, start + (number + 0.5) * apart - time.monotonic()))
            source = self._on.knocker(number, kind.version)
            sent.append(knock(self._on.client, source, SERVER[kind.version], steps, PAUSE))
        return sent


def run(quick: bool, say: Say) -> Outcome:
    """Both daemons at each rate, one after the other; then ours with other packets."""
    rates = (20_000, None) if quick else RATES
    variants = VARIANTS[1::3] if quick else VARIANTS
    seconds, knocks, sources = (4, 8, 200_000) if quick else (16, 20, 2_000_000)
    figures: list[Figure] = []
    points: list[Point] = []
    worst_log = 0
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as folder, stage() as on:
        flood = Flood(on, Path(folder), seconds=seconds, knocks=knocks, sources=sources)
        for rate in rates:
            found = {}
            for who in Who:
                say(f"{FIRST.name}, {rate or 'top speed'}, {who.value}")
                found[who] = flood.run(who, FIRST, rate)
            ours, peer = found[Who.OURS], found[Who.PEER]
            figures += _figures(rate, ours, peer)
            worst_log = max(worst_log, ours.log)
            points.append(
                Point(
                    ours.sent.rate,
                    {who.value: one.share for who, one in found.items()},
                    {who.value: one.load for who, one in found.items()},
                )
            )
        figures.append(at_most("largest log of a flood", "kB", worst_log / 1000, 200))
        say("ring")
        ours_ring, peer_ring = (flood.ring(who) for who in Who)
        held_up = f"{VARIANT_RATE:,}/s: held up for so long without a drop"
        figures.append(Figure(held_up, "ms", ours_ring, peer_ring))
        figures += [
            Figure(f"{held_up}, Buffer = {size}", "ms", flood.ring(Who.OURS, size)) for size in BUFFERS
        ]
        for kind in variants:
            say(f"{kind.name}, {VARIANT_RATE}")
            one = flood.run(Who.OURS, kind, VARIANT_RATE)
            name = f"{kind.name}, {VARIANT_RATE:,}/s"
            figures.append(at_least(f"{name}: knocks that open in time", "%", one.share, 100))
            figures.append(at_most(f"{name}: frames dropped by the ring", "frames", one.dropped, 0))
            figures.append(Figure(f"{name}: processor", "% of a core", one.load))
    return Outcome("Flood", HOW.format(seconds=seconds, knocks=knocks), tuple(figures), points=tuple(points))


def _figures(rate: int | None, ours: Flooded, peer: Flooded) -> list[Figure]:
    name = f"{rate:,}/s" if rate else f"top speed ({ours.sent.rate:,.0f}/s; 0.8: {peer.sent.rate:,.0f}/s)"
    return [
        at_least(f"{name}: knocks that open in time", "%", ours.share, 100 if rate else 95, peer.share),
        at_most(f"{name}: frames dropped by the ring", "%", _dropped(ours), 0, _dropped(peer))
        if rate
        else Figure(f"{name}: frames dropped by the ring", "%", _dropped(ours), _dropped(peer)),
        Figure(f"{name}: knocks that open sooner or later", "%", ours.ever, peer.ever),
        Figure(f"{name}: processor", "% of a core", ours.load, peer.load),
        Figure(f"{name}: processor per packet read", "us", _each(ours), _each(peer)),
        Figure(f"{name}: log", "kB", ours.log / 1000, peer.log / 1000),
        Figure(f"{name}: growth of resident memory", "MB", ours.rss / 1024, peer.rss / 1024),
    ]


def _dropped(one: Flooded) -> float:
    return 100 * one.dropped / max(1, one.captured)


def _each(one: Flooded) -> float:
    return 1e6 * one.cpu / max(1, one.captured - one.dropped)
