"""Random worlds for the differential test: doors and what many sources send them, from a seed.

A world is one configuration with many traces; a trace is one to three sources that knock
well, badly and in each other's way. The same seed always gives the same world.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.model import Door, FlagRule, Step
from knockd_conf.protocol import FLAG_BITS, Protocol

Address = IPv4Address | IPv6Address

SERVER4, SERVER6 = ip_address("10.7.0.1"), ip_address("fd07::1")
ROUTED = ip_address("10.7.9.9")
"""What a door with Target watches: an address that is not the server's own."""

ELSEWHERE = ip_address("10.7.0.200")
LOCAL = frozenset({SERVER4.packed, SERVER6.packed})

RULES = {
    "syn": FlagRule(FLAG_BITS["syn"], 0),
    "syn,!ack": FlagRule(FLAG_BITS["syn"], FLAG_BITS["ack"]),
    "fin": FlagRule(FLAG_BITS["fin"], 0),
    "!syn": FlagRule(0, FLAG_BITS["syn"]),
    "psh,ack,!rst": FlagRule(FLAG_BITS["psh"] | FLAG_BITS["ack"], FLAG_BITS["rst"]),
}

LONG = 25.0
FAULTS = (
    "repeat",
    "repeat",
    "earlier",
    "earlier",
    "own",
    "other",
    "flags",
    "unwanted",
    "away",
    "drop",
    "swap",
)

OVERLAPPING = ("aaa", "aab", "aba", "abab", "abac", "abaab", "abcab")
"""Sequences whose beginning comes again in them, a letter a port."""

PAUSE = 0.45
"""Seconds; sums of it stay at least 0.1 s away from the whole seconds of a short Seq_Timeout up to 3."""


@dataclass(frozen=True)
class Shot:
    """One packet: when to send it (seconds after the world's start) and what it is."""

    at: float
    trace: int
    packet: Packet


@dataclass(frozen=True)
class World:
    """Doors and every packet that is sent to them, in order."""

    seed: int
    doors: tuple[Door, ...]
    shots: tuple[Shot, ...]
    guarded: bool

    def config(self, guard_ports: str | None = None) -> str:
        """The doors as a configuration file without commands; 0.8 knows no Guard_Ports."""
        options = "[options]\n" + (f"Guard_Ports = {guard_ports}\n" if guard_ports else "")
        return options + "".join(_section(door) for door in self.doors)


def make_world(seed: int, traces: int, *, slow: bool, guarded: bool = False) -> World:
    """A world of ``traces`` traces. In a slow one sources pause and short Seq_Timeouts run out.

    In a guarded one there is room for guards between the knock ports, and some sources touch them.
    """
    choose = random.Random(seed)
    ports = range(7000, 7020, 2) if guarded else range(7000, 7010)
    doors = tuple(_door(choose, index, ports, slow) for index in range(choose.randint(2, 6)))
    if choose.random() < 0.5:  # as 0.8 is packaged: one opens, the other one closes
        pair = replace(doors[0], steps=_steps(choose, ports, "abc"), target=())
        pair = replace(pair, name=f"door{len(doors)}")
        doors += pair, replace(pair, name=f"door{len(doors) + 1}", steps=pair.steps[::-1])
    faults = (*FAULTS, "beside", "beside") if guarded else FAULTS
    shots: list[Shot] = []
    for first in range(0, traces, 4):
        numbers = range(first, min(first + 4, traces))
        together = [_trace(choose, doors, faults, number, slow) for number in numbers]
        if slow:
            start = choose.uniform(0.0, 1.5)
            shots += [replace(shot, at=shot.at + start) for trace in together for shot in trace]
        else:
            shots += _shuffled_together(choose, together)
    return World(seed, doors, tuple(sorted(shots, key=lambda shot: shot.at)), guarded)


def fitting_flags(choose: random.Random, door: Door) -> int:
    """A flag byte the door accepts: SYN or some other, for bits the rule does not name."""
    rule = door.flags or FlagRule(0, 0)
    others = choose.choice([FLAG_BITS["syn"], FLAG_BITS["syn"], choose.randrange(0x40)])
    return rule.must_set | others & ~rule.must_clear


def packet_for(choose: random.Random, door: Door, step: Step, source: Address) -> Packet:
    """A packet that is one step of a door, right in everything, from ``source``."""
    destination = door.target[0] if door.target and source.version == 4 else _server(source)
    flags = fitting_flags(choose, door) if step.protocol is Protocol.TCP else 0
    return Packet(source.packed, destination.packed, int(step.protocol), step.port, flags)


def _server(source: Address) -> Address:
    return SERVER4 if source.version == 4 else SERVER6


def _section(door: Door) -> str:
    lines = [f"[{door.name}]", f"Sequence = {','.join(map(str, door.steps))}"]
    lines.append(f"Seq_Timeout = {door.seq_timeout:.0f}")
    lines += [f"TCPFlags = {text}" for text, rule in RULES.items() if rule == door.flags]
    lines += [f"Target = {address}" for address in door.target]
    return "\n".join(lines) + "\n"


def _door(choose: random.Random, index: int, known: Sequence[int], slow: bool) -> Door:
    length = choose.choice([1, 2, 2, 3, 3, 3, 4, 5, 8])
    ports = choose.sample(known, choose.choice([2, 3, length, length + 1]))
    steps = tuple(
        Step(choose.choice(ports), choose.choice([Protocol.TCP, Protocol.TCP, Protocol.TCP, Protocol.UDP]))
        for _ in range(length)
    )
    if choose.random() < 0.25:
        steps = _steps(choose, known, choose.choice(OVERLAPPING))
    elif choose.random() < 0.6:  # the common kind: no port twice
        distinct = choose.sample(known, length)
        steps = tuple(Step(port, step.protocol) for port, step in zip(distinct, steps, strict=True))
    return Door(
        name=f"door{index}",
        path="knockd.conf",
        line=1,
        steps=steps,
        seq_timeout=choose.choice([1.0, 2.0, 3.0]) if slow else LONG,
        flags=choose.choice([None, RULES["syn"], *RULES.values()]),
        target=(ROUTED,) if choose.random() < 0.15 else (),
    )


def _steps(choose: random.Random, known: Sequence[int], letters: str) -> tuple[Step, ...]:
    """TCP steps to ports that are chosen, one for each letter."""
    ports = dict(zip(sorted(set(letters)), choose.sample(known, len(set(letters))), strict=True))
    return tuple(Step(ports[letter]) for letter in letters)


def _trace(
    choose: random.Random, doors: tuple[Door, ...], faults: Sequence[str], number: int, slow: bool
) -> list[Shot]:
    """One to three sources at once; no other trace has the same ones."""
    streams: list[list[Shot]] = []
    for index in range(choose.choice([1, 1, 2, 3])):
        base = ip_address("198.18.0.0") if choose.random() < 0.7 else ip_address("2001:db8::")
        source = base + 4 * number + index + 1
        stream = [
            packet for _ in range(choose.randint(1, 4)) for packet in _knock(choose, doors, faults, source)
        ]
        at, shots = 0.0, []
        for packet in stream:
            if slow and at < 10 * PAUSE:
                at += PAUSE * choose.choice([0, 0, 0, 0, 1, 1, 2, 4])
            shots.append(Shot(at, number, packet))
        streams.append(shots)
    return [shot for stream in streams for shot in stream] if slow else _shuffled_together(choose, streams)


def _knock(
    choose: random.Random, doors: tuple[Door, ...], faults: Sequence[str], source: Address
) -> list[Packet]:
    """A knock at one door, often right, otherwise with one to three faults."""
    door = choose.choice(doors)
    packets = [packet_for(choose, door, step, source) for step in door.steps]
    if choose.random() < 0.5:
        return packets
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(len(packets) + 1)
        match choose.choice(faults):
            case "repeat" if at < len(packets):
                packets.insert(at, packets[at])
            case "earlier" if 0 < at < len(packets):
                packets.insert(at, packets[choose.randrange(at)])
            case "own":
                packets.insert(at, packet_for(choose, door, choose.choice(door.steps), source))
            case "other":
                other = choose.choice(doors)
                packets.insert(at, packet_for(choose, other, choose.choice(other.steps), source))
            case "flags" if at < len(packets) and packets[at].protocol == TCP:
                packets.insert(at, packets[at]._replace(flags=choose.randrange(0x40)))
            case "unwanted":
                protocol, flags = choose.choice([(TCP, FLAG_BITS["syn"]), (UDP, 0)])
                port = choose.randrange(6990, 7020)
                packets.insert(at, Packet(source.packed, _server(source).packed, protocol, port, flags))
            case "beside":
                step = choose.choice(door.steps)
                beside = replace(step, port=step.port + choose.choice([-1, 1]))
                packets.insert(at, packet_for(choose, door, beside, source))
            case "away" if at < len(packets) and source.version == 4:
                away = choose.choice([ELSEWHERE, ROUTED, SERVER4])
                packets.insert(at, packets[at]._replace(destination=away.packed))
            case "drop" if 0 < at < len(packets):
                del packets[at]
            case "swap" if 0 < at < len(packets):
                packets[at - 1], packets[at] = packets[at], packets[at - 1]
    return packets


def _shuffled_together(choose: random.Random, streams: list[list[Shot]]) -> list[Shot]:
    """The streams as one, each in its own order, now more of one and now of another."""
    waiting = [list(reversed(stream)) for stream in streams]
    merged: list[Shot] = []
    while any(waiting):
        stream = choose.choice([each for each in waiting if each])
        merged += [stream.pop() for _ in range(min(len(stream), choose.choice([1, 1, 2, 8])))]
    return merged
