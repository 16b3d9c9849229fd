"""Runs one world against knockd 0.8 and ours side by side and compares, packet by packet.

Every packet of a world has a source port of its own. Both daemons run with -D and print a
line a packet, and an opening right after the packet that caused it: that is how it is
known which packet opened. 0.8 has no guard ports: a source that touches one is judged by the rules alone.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from knockd.knocks.events import Opened
from knockd_bpf.wire import Packet
from knockd_conf.model import Door, Step
from tests.support.daemons.daemon import OURS, PEER, Daemon
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.waiting import wait_until
from tests.support.oracles.matching_rules import Model, guarded, neighbours
from tests.support.samples.frames import ethernet, packet
from tests.support.samples.traces import LOCAL, SERVER4, SERVER6, World, make_world

TRACES_PER_WORLD = 25
FIRST_PORT = 1_000
"""Source port of a world's first packet."""

PROBE = ip_address("198.19.255.254")
PACKET = re.compile(r"^\S+ \S+: (?:tcp|udp): (?P<source>\S+):(?P<port>\d+) -> \S+:\d+ \d+ bytes$")
OPENING = re.compile(r"^(?P<source>\S+): (?P<door>\S+): OPEN SESAME$")

TOLERANCE = 0.08
"""Seconds by which an attempt's age is uncertain; verdicts that hang on them are not compared."""

BURST, REST = 20, 0.02
"""After so many packets without a pause, so many seconds of rest: neither daemon's ring overflows."""

Guards = Sequence[frozenset[Step]]
"""The guard ports of each door of a world; empty: ours runs without guards."""

Opening = tuple[int, str]
"""(number of the packet that opened, name of the door)."""


@dataclass
class Tally:
    """What a comparison found. All of ``exceptions``, ``mismatches`` and ``unseen`` must stay empty."""

    traces: int = 0
    packets: int = 0
    peer_openings: int = 0
    openings: int = 0
    close: int = 0
    """Traces not compared with the model: an age was within TOLERANCE of a Seq_Timeout."""
    guard_hits: int = 0
    """Packets that touched a guard of some door."""
    guarded: int = 0
    """Openings of 0.8 for a source that had touched a guard of the door before."""
    earlier: int = 0
    """Openings of 0.8 for which ours opened at an earlier packet of the same attempt."""
    ended_another: int = 0
    """Openings of 0.8 by an attempt whose first packet ended a knock at another door in ours."""
    exceptions: list[str] = field(default_factory=list)
    """0.8 opened and ours opened at no packet of that attempt, though the source had touched no guard."""
    mismatches: list[str] = field(default_factory=list)
    """Ours and the written rules disagree."""
    unseen: list[str] = field(default_factory=list)
    """A packet that concerns a door was not shown by one of the two."""

    def add(self, other: Tally) -> None:
        """Adds the findings of another world."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        return (
            f"{self.traces} traces, {self.packets} packets: 0.8 opened {self.peer_openings} times,"
            f" ours {self.openings}; {len(self.exceptions)} exceptions, {len(self.mismatches)} mismatches"
            f" with the rules, {len(self.unseen)} packets unseen, {self.close} traces too close to call;"
            f" {self.earlier} of 0.8's openings came earlier, {self.ended_another} began with the end of a"
            f" knock at another door; {self.guard_hits} packets touched a guard, {self.guarded} of 0.8's"
            " openings came after one"
        )


@dataclass(frozen=True)
class Wire:
    """Two joined hosts: the one that listens and the one that knocks."""

    server: Host
    client: Host


@contextmanager
def wire() -> Iterator[Wire]:
    """A lab with a server that has the addresses of a world, and a client."""
    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", (f"{SERVER4}/24", f"{SERVER6}/64"))
        yield Wire(server, client)


def worlds(traces: int, *, guarded: bool = False) -> Iterator[World]:
    """Worlds with so many traces together; every fourth is a slow one."""
    for number, first in enumerate(range(0, traces, TRACES_PER_WORLD)):
        size = min(TRACES_PER_WORLD, traces - first)
        yield make_world(number, size, slow=number % 4 == 3, guarded=guarded)


def compare(on: Wire, world: World, directory: Path) -> Tally:
    """Plays a world to both daemons. ``directory`` is an empty one for their files."""
    peer = ("stdbuf", "-oL", *PEER), world.config()
    ours = OURS, world.config("auto" if world.guarded else "none")
    with ExitStack() as stack:
        both = []
        for name, (program, config) in {"peer": peer, "ours": ours}.items():
            files = directory / name
            files.mkdir()
            daemon = Daemon(on.server, config, files, "-D", program=program)
            both.append(stack.enter_context(daemon))
        sender = Sender(on, world)
        stack.enter_context(sender.socket)
        sender.probe_until_seen(both)
        sent = sender.play()
        sender.probe_until_seen(both)
        outputs = [daemon.output() for daemon in both]
        ended = [daemon.process.poll() for daemon in both]
    assert ended == [None, None], f"a daemon ended on its own: {ended}\n{outputs}"
    assert "packet process ended" not in outputs[1], outputs[1]
    return judge(world, sent, read(outputs[0]), read(outputs[1]))


class Sender:
    """Sends the packets of a world from the client's link layer."""

    def __init__(self, on: Wire, world: World) -> None:
        self._world = world
        self._macs = on.server.mac("eth0"), on.client.mac("eth0")
        self.socket = on.client.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("eth0", 0))
        self._probe_port = 0

    def play(self) -> list[float]:
        """Sends everything at its time; when each packet was sent (seconds, steady clock)."""
        frames = [self._frame(shot.packet, FIRST_PORT + i) for i, shot in enumerate(self._world.shots)]
        sent: list[float] = []
        start = time.monotonic()
        for number, (shot, frame) in enumerate(zip(self._world.shots, frames, strict=True)):
            wait = start + shot.at - time.monotonic()
            if wait > 0 or number % BURST == 0:
                time.sleep(max(wait, REST if number % BURST == 0 else 0))
            sent.append(time.monotonic())
            self.socket.send(frame)
        return sent

    def probe_until_seen(self, daemons: Sequence[Daemon]) -> None:
        """Sends a first step from a source of its own until every daemon has shown one of them."""
        door = next(door for door in self._world.doors)
        step = door.steps[0]
        target = door.target[0] if door.target else SERVER4
        flags = door.flags.must_set if door.flags else 0
        first = self._probe_port

        def seen() -> bool:
            self._probe_port += 1
            knock = Packet(PROBE.packed, target.packed, int(step.protocol), step.port, flags)
            self.socket.send(self._frame(knock, self._probe_port))
            time.sleep(0.05)
            return all(
                any(source == str(PROBE) and port > first for source, port in shown(daemon.output()))
                for daemon in daemons
            )

        wait_until(seen, 10.0, "both daemons show a probe")

    def _frame(self, what: Packet, source_port: int) -> bytes:
        source, destination = ip_address(what.source), ip_address(what.destination)
        return ethernet(
            *self._macs,
            packet(
                str(source),
                str(destination),
                what.port,
                what.protocol,
                flags=what.flags,
                source_port=source_port,
            ),
        )


def shown(output: str) -> list[tuple[str, int]]:
    """Source and source port of every packet line of a daemon's output."""
    return [(m["source"], int(m["port"])) for m in map(PACKET.match, output.splitlines()) if m]


@dataclass(frozen=True)
class Report:
    """What a daemon printed: numbers of the packets it saw, in order, and its openings."""

    seen: tuple[int, ...]
    openings: frozenset[Opening]


def read(output: str) -> Report:
    """Reads a daemon's output. Raises AssertionError when an opening names another source than its packet."""
    seen: list[int] = []
    openings: set[Opening] = set()
    current: tuple[str, int] | None = None
    for line in output.splitlines():
        if match := PACKET.match(line):
            current = match["source"], int(match["port"])
            if current[0] != str(PROBE):
                seen.append(current[1] - FIRST_PORT)
        elif match := OPENING.match(line):
            assert current is not None, line
            assert current[0] == match["source"], f"{line!r} after a packet of {current[0]}"
            if current[0] != str(PROBE):
                openings.add((current[1] - FIRST_PORT, match["door"]))
    return Report(tuple(seen), frozenset(openings))


def by_the_rules(world: World, sent: Sequence[float], guards: Guards, late: float) -> frozenset[Opening]:
    """The openings that the written rules give for packets sent at these times."""
    model = Model(guarded(world.doors, guards), late=late)
    return frozenset(
        (number, world.doors[happened.door].name)
        for number, (shot, now) in enumerate(zip(world.shots, sent, strict=True))
        for happened in model.feed(now, LOCAL, shot.packet)
        if isinstance(happened, Opened)
    )


def judge(world: World, sent: Sequence[float], peer: Report, ours: Report) -> Tally:
    """Compares what both daemons did with each other and with the rules."""
    guards = neighbours(world.doors) if world.guarded else ()
    rules = by_the_rules(world, sent, guards, 0.0)
    unsure = {
        world.shots[number].trace
        for late in (-TOLERANCE, TOLERANCE)
        for number, _ in rules ^ by_the_rules(world, sent, guards, late)
    }
    touched = guard_hits(world, guards)
    tally = Tally(
        traces=len({shot.trace for shot in world.shots}),
        packets=len(world.shots),
        peer_openings=len(peer.openings),
        openings=len(ours.openings),
        close=len(unsure),
        guard_hits=len({number for number, _ in touched}),
    )
    for number, name in sorted(peer.openings):
        source = world.shots[number].packet.source
        if any(
            of == name and hit < number and world.shots[hit].packet.source == source for hit, of in touched
        ):
            tally.guarded += 1
            continue
        attempt = packets_of_attempt(world, number, name)
        if ours.openings.isdisjoint((at, name) for at in attempt):
            if attempt[0] in ends_of_knocks(world, ours, name):
                tally.ended_another += 1
            else:
                tally.exceptions.append(f"0.8 alone opened {describe(world, number, name)}")
        elif (number, name) not in ours.openings:
            tally.earlier += 1
    for number, name in sorted(rules ^ ours.openings):
        if world.shots[number].trace not in unsure:
            who = "the rules" if (number, name) in rules else "ours"
            tally.mismatches.append(f"{who} alone opened {describe(world, number, name)}")
    tally.unseen += unseen(world, "0.8", peer, ())
    tally.unseen += unseen(world, "ours", ours, guards)
    return tally


def packets_of_attempt(world: World, number: int, name: str) -> list[int]:
    """The packets of the attempt by which 0.8 opened a door at a packet: as many as the door has steps."""
    model = Model(guarded(world.doors))
    index = next(index for index, door in enumerate(world.doors) if door.name == name)
    source = world.shots[number].packet.source
    concerning = [
        at
        for at, shot in enumerate(world.shots[: number + 1])
        if shot.packet.source == source and model.concerns(index, shot.packet, LOCAL)
    ]
    return concerning[-len(world.doors[index].steps) :]


def ends_of_knocks(world: World, ours: Report, name: str) -> set[int]:
    """The packets that ended a knock of ours at another door than the one of that name."""
    steps = {door.name: len(door.steps) for door in world.doors}
    return {number for number, opened in ours.openings if opened != name and steps[opened] > 1}


def guard_hits(world: World, guards: Guards) -> frozenset[Opening]:
    """(number of the packet, name of the door) of all packets that touch a guard."""
    model = Model(guarded(world.doors, guards))
    return frozenset(
        (number, door.name)
        for number, shot in enumerate(world.shots)
        for index, door in enumerate(world.doors)
        if model.touches(index, shot.packet, LOCAL)
    )


def unseen(world: World, who: str, report: Report, guards: Guards) -> Iterator[str]:
    """One line for each packet that means something to a door and was not shown."""
    model = Model(guarded(world.doors, guards))
    for number, shot in enumerate(world.shots):
        matters = any(
            model.concerns(door, shot.packet, LOCAL) or model.touches(door, shot.packet, LOCAL)
            for door in range(len(world.doors))
        )
        if matters and number not in report.seen:
            yield f"{who} did not show packet {number} of world {world.seed}"


def describe(world: World, number: int, name: str) -> str:
    """What is needed to follow one opening: the door and all that its source had sent by then."""
    door: Door = next(door for door in world.doors if door.name == name)
    source = world.shots[number].packet.source
    lines = [f"{name} at packet {number} of world {world.seed} ({door.steps}, {door.flags}, {door.target}):"]
    lines += [
        f"  {i} at {shot.at:.2f}: {shot.packet}"
        for i, shot in enumerate(world.shots[: number + 1])
        if shot.packet.source == source
    ]
    return "\n".join(lines)
