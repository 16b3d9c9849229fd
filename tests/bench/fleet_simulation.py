"""A fleet of 1,000 gateways: messages, processor, memory, joins, and a restart of all at once.

The gateways are those of knockd/fleet with a clock handed in; the store and the network are a model, whose
costs are those of a real server where there is one.
"""

from __future__ import annotations

import heapq
import random
import socket
import subprocess
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

from knockd.fleet.member import Action, Member, Send
from knockd.fleet.openings import MOST
from knockd.fleet.records import MOST_ROWS, Kind, Message, Seal
from tests.bench.figures import Figure, Outcome, Say

GATEWAYS, SIMULATED, AN_HOUR, KEY = 1000, 200, 100_000, bytes(32)
LEASES = (10.0, 3600.0)
TRIP = 0.005
"""Seconds from a gateway to another one by an idle store."""

SPAN = 20.0
"""Seconds of the simulation in which knocks are counted."""

OPENINGS = 10_000
"""Openings that are measured, and scaled to as many as a gateway remembers."""

HOW = (
    "{gateways:,} gateways, {an_hour:,} openings in an hour at gateways by chance, leases of 10 seconds"
    " and of an hour. Messages: a simulation of {span:.0f} seconds with a clock handed in. {simulated}"
    " gateways run the daemon's own code, but hand each other messages without codes; bytes are those of"
    " sealed messages. What a gateway hears does not depend on their number, so what the store delivers is"
    " scaled. Processor: for one message, sealed and judged, times messages a second. Restart: all"
    " {simulated} start within a second; each message waits for the store and for its receiver, which are"
    " as much slower as there are fewer gateways. The store is a redis-server to which each message is"
    " sent by itself."
)


class Unsealed(Seal):
    """Hands messages on as they are."""

    def seal(self, message: Message) -> bytes:
        """The message itself."""
        return cast(bytes, message)

    def unseal(self, data: bytes) -> Message:
        """The message itself."""
        return cast(Message, data)


@dataclass(frozen=True)
class Costs:
    """Seconds of a processor: of the store for a message and each who hears it, of a gateway that hears."""

    publish: float
    deliver: float
    hear: float


class Fleet:
    """Gateways, and a store that takes one message after the other."""

    def __init__(self, gateways: int, costs: Costs, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.published: Counter[Kind] = Counter()
        self.delivered: Counter[Kind] = Counter()
        self.octets = 0.0
        self.longest = 0.0
        """Seconds that a message has taken at most."""
        self.costs, self._free = costs, 0.0
        self._real = Seal(KEY, "lab")
        self._sizes: dict[Kind, float] = {}
        self._events: list[tuple[float, int, int, Any]] = []
        self._number = count()
        seal = Unsealed(KEY, "lab")
        self.members = [Member(seal, f"gateway{number}", self._make_nonce) for number in range(gateways)]
        self._places = {member.run: number for number, member in enumerate(self.members)}
        self._busy = [0.0] * gateways
        self._online = [False] * gateways

    def start(self, number: int, after: float) -> None:
        """A gateway starts after some seconds."""
        self._at(self.now + after, number, "connect")

    def open(self, number: int, seconds: float, after: float) -> None:
        """A knock at a gateway after some seconds, for an address of its own."""
        self._at(self.now + after, number, seconds)

    def run(self, seconds: float) -> None:
        """Time passes."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, number, what = heapq.heappop(self._events)
            member, now = self.members[number], max(self.now, self._busy[number])
            match what:
                case "connect":
                    self._online[number] = True
                    self._do(number, member.connect(now), now)
                    self._at(self.now + 1, number, "tick")
                case "tick":
                    self._do(number, member.tick(now), now)
                    self._at(self.now + 1, number, "tick")
                case float():
                    place = "ssh", f"10.{next(self._number) % 250}.{self.random.getrandbits(16) % 250}.1"
                    self._do(number, member.open(place, what, now), now)
                case Send():
                    self._publish(number, what)
        self.now = end

    def count_settled(self) -> int:
        """Gateways that know all others, and what is open."""
        return sum(len(member.peers) == len(self.members) - 1 and member._whole for member in self.members)

    def _at(self, when: float, number: int, what: Any) -> None:
        heapq.heappush(self._events, (when, next(self._number), number, what))

    def _do(self, number: int, actions: Iterable[Action], now: float) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._at(now + TRIP / 2, number, action)

    def _publish(self, by: int, send: Send) -> None:
        message = cast(Message, send.data)
        to = range(len(self.members)) if not send.to else [self._places[send.to]]
        heard = [number for number in to if number != by and self._online[number]]
        self._free = max(self._free, self.now) + self.costs.publish + self.costs.deliver * len(heard)
        arrives = self._free + TRIP / 2
        self.published[message.kind] += 1
        self.delivered[message.kind] += len(heard)
        self.octets += len(heard) * self._size(message)
        for number in heard:
            self._busy[number] = now = max(self._busy[number], arrives) + self.costs.hear
            self.longest = max(self.longest, now - message.at)
            self._do(number, self.members[number].hear(send.data, now, now), now)

    def _size(self, message: Message) -> float:
        if message.kind is Kind.STATE:
            return 250 + 70 * len(message.body.rows)
        if message.kind not in self._sizes:
            self._sizes[message.kind] = len(self._real.seal(message))
        return self._sizes[message.kind]

    def _make_nonce(self) -> str:
        return f"{self.random.getrandbits(64):016x}"


# One gateway, with real messages.


def meet(gateways: int) -> tuple[Member, list[Member]]:
    """A gateway that knows all others, and these."""
    draw = random.Random(1)
    first, *others = [
        Member(Seal(KEY, "lab"), f"gateway{number}", lambda: f"{draw.getrandbits(64):016x}")
        for number in range(gateways)
    ]
    hello = next(send for send in first.connect(1000.0) if isinstance(send, Send))
    for other in others:
        list(other.connect(1000.0))
        talk(first, other, other.hear(hello.data, 1000.0, 1000.0))
    return first, others


def talk(first: Member, other: Member, actions: Iterable[Action], now: float = 1000.0) -> int:
    """What ``other`` says is heard by ``first``, and so on until nobody says anything; returns the bytes."""
    octets, to, by = 0, first, other
    while sends := [action for action in actions if isinstance(action, Send) and action.to in {"", to.run}]:
        octets += sum(len(send.data) for send in sends)
        actions = [action for send in sends for action in to.hear(send.data, now, now)]
        to, by = by, to
    return octets


def address(number: int) -> str:
    """An address of its own for each number."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def measure_messages(repeats: int) -> dict[str, float]:
    """Processor seconds of one gateway for a message that it says or hears."""
    first, (other,) = meet(2)
    begun, sends = time.process_time(), list[Send]()
    for number in range(repeats):
        sends += cast(list[Send], list(other.open(("ssh", address(number)), 60.0, 1000.0)))
    opened = time.process_time() - begun
    begun = time.process_time()
    for send in sends:
        list(first.hear(send.data, 1000.0, 1000.0))
    heard = time.process_time() - begun
    hellos = [other._hello("", 1000.0) for _ in range(repeats)]
    begun = time.process_time()
    for send in hellos:
        list(first.hear(send.data, 1000.0, 1000.0))
    greeted = time.process_time() - begun
    return {"open": opened / repeats, "change": heard / repeats, "hello": greeted / repeats}


def measure_takeover() -> tuple[float, float]:
    """Processor seconds and bytes of a joiner and its source together, for each opening."""
    source, (joins,) = meet(2)
    for number in range(OPENINGS):
        list(source.open(("ssh", address(number)), 3600.0, 1000.0))
    begun, now = time.process_time(), 1003.0
    octets = talk(source, joins, list(joins.tick(now)), now)
    spent = time.process_time() - begun
    assert len(joins.list_openings(now)) == OPENINGS
    return spent / OPENINGS, octets / OPENINGS


def measure_memory(gateways: int) -> tuple[float, float]:
    """Bytes of a gateway for another one, and for an opening."""
    tracemalloc.start()
    try:
        first, (other, *_) = meet(gateways)
        sends = [
            send for number in range(OPENINGS) for send in other.open(("ssh", address(number)), 60.0, 1000.0)
        ]
        before = tracemalloc.get_traced_memory()[0]
        for send in cast(list[Send], sends):
            list(first.hear(send.data, 1000.0, 1000.0))
        openings = tracemalloc.get_traced_memory()[0] - before
        before = tracemalloc.get_traced_memory()[0]
        first.peers._peers.clear()
        return (before - tracemalloc.get_traced_memory()[0]) / (gateways - 1), openings / OPENINGS
    finally:
        tracemalloc.stop()


# The store.


class Line:
    """A connection to a server, and its answers."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lines = self._socket.makefile("rb")

    def send(self, *words: str | bytes) -> None:
        """Sends a command."""
        parts = [word if isinstance(word, bytes) else word.encode() for word in words]
        self._socket.sendall(
            b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        )

    def read(self) -> Any:
        """Reads an answer."""
        line = self._lines.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return self._lines.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        assert kind != b"-", rest
        return rest if kind == b"+" else int(rest)

    def ask(self, *words: str | bytes) -> Any:
        """A command, and its answer."""
        self.send(*words)
        return self.read()

    def info(self, name: str) -> float:
        """A figure of INFO."""
        text = self.ask("INFO").decode()
        return float(next(line.split(":")[1] for line in text.splitlines() if line.startswith(f"{name}:")))


@contextmanager
def server() -> Iterator[str]:
    """A redis-server of its own; yields its socket."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while not Path(path).exists():
                    time.sleep(0.05)
                yield path
            finally:
                process.terminate()


def measure_keys(line: Line, keys: int = 100_000) -> float:
    """Bytes of the server for one burnt knock among many."""
    before = line.info("used_memory")
    for first in range(0, keys, 1000):
        for number in range(first, first + 1000):
            line.send("SET", f"knockd:{{knockd}}:used:{number:064x}", "1", "NX", "EX", "3600")
        for _ in range(1000):
            line.read()
    return (line.info("used_memory") - before) / keys


def measure_store(path: str, listeners: int = 50, messages: int = 4000) -> tuple[float, float]:
    """Processor seconds of the server for a message that nobody hears, and for each who hears it."""
    line, text = Line(path), b"x" * 250

    def publish() -> float:
        before = line.info("used_cpu_user") + line.info("used_cpu_sys")
        for _ in range(messages):
            line.ask("PUBLISH", "all", text)
            for one in heard:
                one.read()
        return line.info("used_cpu_user") + line.info("used_cpu_sys") - before

    heard: list[Line] = []
    alone = publish()
    heard = [Line(path) for _ in range(listeners)]
    for one in heard:
        one.ask("SUBSCRIBE", "all")
    return alone / messages, max(0.0, publish() - alone) / messages / listeners


# All of it.


def restart(costs: Costs, gateways: int, say: Say) -> tuple[Fleet, float]:
    """All gateways start within a second; returns after how many seconds all know all."""
    fleet = Fleet(gateways, costs)
    for number in range(gateways):
        fleet.start(number, fleet.random.random())
    begun = fleet.now
    while fleet.count_settled() < gateways and fleet.now - begun < 300:
        fleet.run(1.0)
    say(f"restart: {fleet.now - begun:.0f} s, {fleet.count_settled()} of {gateways} settled")
    return fleet, fleet.now - begun


def run(quick: bool, say: Say) -> Outcome:
    """200 gateways stand for 1,000, or 50 when it is to be quick."""
    gateways = 50 if quick else SIMULATED
    rate, scale = AN_HOUR / 3600, GATEWAYS / gateways
    say("one gateway")
    each = measure_messages(2_000)
    spent, octets = measure_takeover()
    peer, opening = measure_memory(gateways)
    say("the store")
    with server() as path:
        publish, deliver = measure_store(path)
        key = measure_keys(Line(path))
    say(f"store: {publish * 1e6:.1f} us a message, {deliver * 1e6:.1f} us a receiver, {key:.0f} bytes a key")
    costs = Costs(publish * scale, deliver * scale * scale, each["hello"] * scale)
    fleet, seconds = restart(costs, gateways, say)
    figures = [
        Figure(f"restart of {gateways} at once: until each knows each", "s", seconds),
        Figure(f"restart of {gateways} at once: messages", "", sum(fleet.published.values())),
        Figure(f"restart of {gateways} at once: longest way of a message", "s", fleet.longest),
    ]
    fleet.costs = Costs(publish, deliver * scale, each["hello"])  # each message goes to fewer gateways
    fleet.run(10)
    fleet.published.clear()
    fleet.delivered.clear()
    fleet.octets = 0.0
    for number in range(int(SPAN * rate)):
        where = fleet.random.randrange(gateways)
        fleet.open(where, LEASES[number % 2], fleet.random.random() * SPAN)
    fleet.run(SPAN)
    published = (fleet.published[Kind.CHANGE] + fleet.published[Kind.HELLO]) / SPAN
    changes, hellos = (fleet.delivered[kind] / SPAN / gateways for kind in (Kind.CHANGE, Kind.HELLO))
    heard = fleet.octets / SPAN / gateways
    figures += [
        Figure("messages published", "a second", published),
        Figure("messages that one gateway hears", "a second", changes + hellos),
        Figure("messages delivered", "a second", (changes + hellos) * GATEWAYS),
        Figure("bytes that one gateway hears", "KB/s", heard / 1e3),
        Figure("bytes delivered", "MB/s", heard * GATEWAYS / 1e6),
        Figure(
            "processor of the store",
            "%",
            100 * (published * publish + (changes + hellos) * GATEWAYS * deliver),
        ),
        Figure("processor of a gateway, for an opening of its own", "us", each["open"] * 1e6),
        Figure("processor of a gateway, for an opening of another", "us", each["change"] * 1e6),
        Figure("processor of a gateway, for a sign of life", "us", each["hello"] * 1e6),
        Figure("processor of a gateway", "%", 100 * (changes * each["change"] + hellos * each["hello"])),
        Figure(f"memory of a gateway for {GATEWAYS - 1} others", "MB", peer * (GATEWAYS - 1) / 1e6),
        Figure(f"memory of a gateway for {MOST:,} openings", "MB", opening * MOST / 1e6),
        Figure(f"a joiner takes over {MOST:,} openings: bytes", "MB", octets * MOST / 1e6),
        Figure(f"a joiner takes over {MOST:,} openings: processor of both", "s", spent * MOST),
        Figure(f"a joiner takes over {MOST:,} openings: round trips", "", -(-MOST // MOST_ROWS)),
        Figure("store: memory of a burnt knock", "bytes", key),
        Figure("store: memory if all knocks are signed (10 minutes each)", "MB", key * rate * 600 / 1e6),
        Figure("store: memory if all knocks are of rotating sequences (an hour)", "MB", key * AN_HOUR / 1e6),
        Figure("store: memory of a million one-time knocks", "MB", key),
    ]
    how = HOW.format(gateways=GATEWAYS, an_hour=AN_HOUR, span=SPAN, simulated=gateways)
    return Outcome("A fleet of gateways", how, tuple(figures), NOTES)


NOTES = (
    f"A gateway remembers {MOST:,} openings, as many as it can have leases: of 100,000 with an hour each"
    " those that were changed last.",
)
