"""What the kernel pays for a packet that is no knock: the filters as both daemons attached them."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from math import log2
from pathlib import Path
from statistics import median

from knockd.knocks.guards import REACH, guard_rules, guards_of, with_guards
from knockd.knocks.prefilter import prefilter
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch, watches_of
from knockd_bpf.fit import fit_term
from knockd_bpf.vm import run_program as execute
from knockd_bpf.wire import DLT_EN10MB, TCP, UDP
from knockd_conf.model import Door, FlagRule, GuardPorts, Step
from knockd_conf.protocol import FLAG_BITS, Protocol
from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.stage import Stage, stage
from tests.bench.subject import Subject, Who
from tests.support.daemons.doors import SERVER, config, door
from tests.support.samples.frames import ethernet, packet

DOORS = (2, 10, 50, 200, 1000)
PEER_LIMIT = 240.0
"""Seconds that 0.8 gets to listen: its filter for 1,000 doors takes libpcap more than a minute."""

SYN = FlagRule(FLAG_BITS["syn"], 0)
RULES = {
    SYN: "syn",
    FlagRule(FLAG_BITS["syn"], FLAG_BITS["ack"]): "syn,!ack",
    FlagRule(FLAG_BITS["fin"], FLAG_BITS["syn"]): "fin,!syn",
    None: None,
}
LOCAL = frozenset(ip_address(one).packed for one in (*SERVER.values(), "fe80::1"))

Rows = Sequence[tuple[int, int, int, int]]

HOW = (
    "Doors of 3 random ports with `tcpflags = syn` on an interface with one IPv4 and two IPv6 addresses."
    " Both daemons run; the program that the kernel executes is read back from their capture sockets"
    " (SO_GET_FILTER) and run by a counting interpreter on packets to 300 ports of no door; the figure is the"
    " worst of them. Where 0.8 has no program in the kernel (libpcap found it too long and filters in"
    " user space), its expression for IPv4, as -D prints it, is compiled by libpcap and counted instead."
    " The compile time of 0.8 is libpcap's for that IPv4 half."
)


@dataclass(frozen=True)
class Cost:
    """Instructions for a data segment and for a SYN to a port of no door, by IP version."""

    data: dict[int, int]
    syn: dict[int, int]


@dataclass(frozen=True)
class Attached:
    """What a daemon had the kernel run, and how long it took from its start until it listened (seconds)."""

    rows: Rows
    started: float


def sequences(count: int, seed: int = 1) -> list[tuple[int, ...]]:
    """Three random ports for each door."""
    dice = random.Random(seed)
    return [tuple(dice.randrange(2, 65_535) for _ in range(3)) for _ in range(count)]


def other_ports(ports: Iterable[int], count: int) -> list[int]:
    """Ports that are neither among ``ports`` nor close to one of them."""
    taken = {near for port in ports for near in range(port - REACH, port + REACH + 1)}
    dice = random.Random(2)
    return dice.sample([port for port in range(1, 65_536) if port not in taken], count)


def cost(rows: Rows, ports: Sequence[int], versions: Iterable[int] = (4, 6)) -> Cost:
    """Runs a program on packets to ``ports`` at the server."""

    def worst(version: int, flags: int) -> int:
        source = "192.0.2.1" if version == 4 else "2001:db8::1"
        frames = (
            ethernet(bytes(6), bytes(6), packet(source, SERVER[version], p, flags=flags)) for p in ports
        )
        return max(execute(rows, frame).steps for frame in frames)

    versions = tuple(versions)
    return Cost(
        {version: worst(version, FLAG_BITS["ack"]) for version in versions},
        {version: worst(version, FLAG_BITS["syn"]) for version in versions},
    )


def attached(who: Who, on: Stage, text: str, directory: Path) -> Attached:
    """Starts a daemon and reads its program back; no rows where the kernel runs none."""
    start = time.monotonic()
    subject = Subject(who, on.server, text, directory, patience=PEER_LIMIT)
    with subject:
        started = time.monotonic() - start
        return Attached(subject.filters()[0], started)


def peer_expression(doors: Iterable[Sequence[int]]) -> str:
    """The IPv4 part of 0.8's expression, as its -D prints it."""
    terms = (
        f"((dst host {SERVER[4]}) and (((tcp dst port {' or '.join(map(str, ports))})"
        " and tcp[tcpflags] & tcp-syn != 0)))"
        for ports in doors
    )
    return " or ".join(terms)


def compile_expression(text: str) -> tuple[Rows, float]:
    """libpcap's program for an Ethernet link, and the milliseconds it took, in a process of its own."""
    code = (
        "import pcapy, sys, time; text = sys.stdin.read(); start = time.perf_counter();"
        "made = pcapy.compile(1, 65535, text, 1, 0); took = time.perf_counter() - start;"
        "print(took * 1000); print(*(n for row in made.get_bpf() for n in row))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PEER_LIMIT, check=True)
    took, numbers = done.stdout.splitlines()
    values = list(map(int, numbers.split()))
    return [(c, t, f, k) for c, t, f, k in zip(*(values[i::4] for i in range(4)), strict=True)], float(took)


def our_compile(doors: Sequence[Door], repeats: int = 5) -> tuple[float, float]:
    """Milliseconds from term to program, and from doors to all of it, guards and text too: medians."""
    compiling, everything = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        made = prefilter(_watches(doors), LOCAL, DLT_EN10MB)
        made.text()
        everything.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        fit_term(made.term, made.layout)
        compiling.append((time.perf_counter() - start) * 1000)
    return median(compiling), median(everything)


def plain(count: int) -> list[Door]:
    """``count`` doors of 3 random ports for SYN packets."""
    return [Door(f"d{n}", "", n, steps_of(ports), flags=SYN) for n, ports in enumerate(sequences(count))]


def mixed(count: int) -> list[Door]:
    """Doors of several flag rules, of UDP, and some for a target behind this host."""
    target = (IPv4Address("10.9.9.9"),)
    made = []
    for number, ports in enumerate(sequences(count, seed=3)):
        rule = list(RULES)[number % len(RULES)]
        kind = UDP if rule is None else TCP
        routed = target if number % 5 == 0 else ()
        made.append(Door(f"d{number}", "", number, steps_of(ports, kind), flags=rule, target=routed))
    return made


def steps_of(ports: Iterable[int], protocol: int = TCP) -> tuple[Step, ...]:
    """A sequence of ports of one protocol."""
    return tuple(Step(port, Protocol(protocol)) for port in ports)


def config_text(doors: Iterable[Door]) -> str:
    """A configuration that both daemons read."""
    return config(
        *(
            door(
                one.name,
                ",".join(map(str, one.steps)),
                tcpflags=RULES[one.flags],
                target=one.target[0] if one.target else None,
                start_command="/bin/true",
            )
            for one in doors
        )
    )


def run(quick: bool, say: Say) -> Outcome:
    """Every size, then the mixed doors."""
    figures: list[Figure] = []
    notes: list[str] = []
    sizes = DOORS[:4] if quick else DOORS
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as folder, stage() as on:
        for count in sizes:
            say(f"{count} doors")
            figures += _size(f"{count:,} doors", plain(count), on, Path(folder) / str(count), notes)
        say("mixed doors")
        figures += _size("50 mixed doors", mixed(50), on, Path(folder) / "mixed", notes, slack=4)
    return Outcome("Prefilter", HOW, tuple(figures), tuple(notes))


def _size(
    name: str, doors: Sequence[Door], on: Stage, folder: Path, notes: list[str], slack: int = 0
) -> list[Figure]:
    text = config_text(doors)
    knocks = [step.port for one in doors for step in one.steps]
    ports = other_ports(knocks, 100 if len(doors) > 500 else 300)
    ours, peer = (attached(who, on, text, folder) for who in Who)
    our_cost = cost(ours.rows, ports)
    peer_rows, peer_cost, peer_ms = peer.rows, None, None
    if slack == 0:
        compiled, peer_ms = compile_expression(
            peer_expression([tuple(s.port for s in d.steps) for d in doors])
        )
        peer_cost = cost(peer_rows, ports) if peer_rows else cost(compiled, ports[:30], versions=(4,))
    elif peer_rows:
        peer_cost = cost(peer_rows, ports)
    if not peer_rows:
        notes.append(
            f"{name}: 0.8 has no filter in the kernel, every packet of the interface is copied to it and"
            f" filtered there; it took {peer.started:.1f} s to listen (ours {ours.started:.1f} s)."
        )
    made = prefilter(_watches(doors), LOCAL, DLT_EN10MB)
    ranges = sum(len(group.ranges) for group in made.fitted.term.groups if group.protocol == TCP)
    bound = 12 + 2 * log2(ranges) + slack
    if made.fitted.widened:
        notes.append(
            f"{name}: widened to fit the kernel: {made.fitted.widened:.1%} of all ports pass and are"
            " dropped in the packet process."
        )
    figures = []
    for version, limit in ((4, 10 + slack), (6, 9 + slack)):
        theirs = peer_cost.data.get(version) if peer_cost else None
        figures.append(
            at_most(
                f"{name}: IPv{version} data segment", "instructions", our_cost.data[version], limit, theirs
            )
        )
    for version in (4, 6):
        theirs = peer_cost.syn.get(version) if peer_cost else None
        figures.append(
            at_most(
                f"{name}: IPv{version} SYN to a port of no door",
                "instructions",
                our_cost.syn[version],
                round(bound, 1),
                theirs,
            )
        )
    figures.append(Figure(f"{name}: program", "instructions", len(ours.rows), len(peer_rows) or None))
    took, everything = our_compile(doors)
    if len(doors) == 1_000:
        figures.append(at_most(f"{name}: compile", "ms", took, 30, peer_ms))
    else:
        figures.append(Figure(f"{name}: compile", "ms", took, peer_ms))
    figures.append(Figure(f"{name}: guards, term, program and text", "ms", everything))
    return figures


def _watches(doors: Sequence[Door]) -> tuple[Watch, ...]:
    watches = watches_of(doors)
    return with_guards(watches, guards_of(watches, guard_rules(doors, GuardPorts()), Taken()))
