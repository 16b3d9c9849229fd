"""The matching rules once more, slow and obvious: what the engine's matcher is judged by.

Written from the rules alone: one list of attempts per source and door, read from the
front to the back for every packet, no tables, no look-ups, no bounds, no limits on events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from knockd_bpf.wire import TCP, Packet
from knockd_conf.model import Door, Protocol, Step


class Kind(Enum):
    """What can happen to an attempt."""

    STAGE = "stage"
    OPEN = "open"
    SPOILED = "spoiled"
    EXPIRED = "expired"
    GUARDED = "guarded"


class Happened(NamedTuple):
    """One thing that happened; ``stage`` counts the steps done (all when it opened, 0: no attempt)."""

    kind: Kind
    door: int
    source: bytes
    stage: int


@dataclass(frozen=True)
class Attempt:
    """How far a source has come at a door, and the time of its first packet in seconds."""

    stage: int
    start: float


class Model:
    """All attempts at all doors, and who touched a guard when.

    ``guards`` are the guard ports of each door (without them: none), ``late`` is added to
    every Seq_Timeout, in seconds.
    """

    def __init__(
        self, doors: Sequence[Door], guards: Sequence[Iterable[Step]] = (), *, late: float = 0.0
    ) -> None:
        self.doors = list(doors)
        self.sequences = [door.steps for door in doors]
        self.guards = [frozenset(ports) for ports in guards] or [frozenset[Step]()] * len(self.doors)
        self.late = late
        self.attempts: dict[tuple[int, bytes], list[Attempt]] = {}
        self.touched: dict[tuple[int, bytes], float] = {}
        self.opened: dict[tuple[int, bytes], float] = {}

    def set_sequence(self, door: int, steps: Iterable[Step]) -> None:
        """Gives a door another sequence and forgets every attempt at it."""
        self.sequences[door] = tuple(steps)
        self.attempts = {key: value for key, value in self.attempts.items() if key[0] != door}

    def concerns(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        """Whether a packet is one of the door's steps, to a watched address, with fitting flags."""
        return _step(packet) in self.sequences[door] and self._fits(door, packet, local)

    def touches(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        """Whether a packet is one of the door's guards; a step is none, a door without steps has none."""
        ports = self.guards[door] - set(self.sequences[door]) if self.sequences[door] else ()
        return _step(packet) in ports and self._fits(door, packet, local)

    def _fits(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        wanted = [address.packed for address in self.doors[door].target] or list(local)
        rule = self.doors[door].flags
        if packet.destination not in wanted:
            return False
        if packet.protocol != TCP or rule is None:
            return True
        return packet.flags & rule.must_set == rule.must_set and packet.flags & rule.must_clear == 0

    def feed(self, now: float, local: Iterable[bytes], packet: Packet) -> list[Happened]:
        """Judges one packet that arrived at ``now`` (seconds)."""
        happened: list[Happened] = []
        for door in range(len(self.doors)):
            if self.touches(door, packet, local):
                happened += self._guard(door, now, packet.source)
            elif self.concerns(door, packet, local) and not self.ignored(door, now, packet.source):
                happened += self._judge(door, now, packet)
        return happened

    def expire(self, now: float) -> list[Happened]:
        """Ends what is older than Seq_Timeout; speaks of it when nothing younger is left."""
        happened: list[Happened] = []
        for (door, source), before in list(self.attempts.items()):
            alive = self._young(door, now, before)
            if not alive:
                happened.append(Happened(Kind.EXPIRED, door, source, _foremost(before)))
            self._keep(door, source, alive)
        return happened

    def soonest_deadline(self) -> float | None:
        """Until when the attempt that ends first may live; None without attempts."""
        deadlines = [
            attempt.start + self._limit(door)
            for (door, _), attempts in self.attempts.items()
            for attempt in attempts
        ]
        return min(deadlines, default=None)

    def ignored(self, door: int, now: float, source: bytes) -> bool:
        """Whether a source touched a guard less than Seq_Timeout, or opened less than Seq_Cooldown ago."""
        touched, opened = self.touched.get((door, source)), self.opened.get((door, source))
        return (touched is not None and now - touched < self._limit(door)) or (
            opened is not None and now - opened < self.doors[door].seq_cooldown
        )

    def _guard(self, door: int, now: float, source: bytes) -> list[Happened]:
        happened: list[Happened] = []
        before = self.attempts.get((door, source), [])
        alive = self._young(door, now, before)
        if before and not alive:
            happened.append(Happened(Kind.EXPIRED, door, source, _foremost(before)))
        if not self.ignored(door, now, source):
            happened.append(Happened(Kind.GUARDED, door, source, _foremost(alive)))
        self._keep(door, source, [])
        self.touched[door, source] = now
        return happened

    def _judge(self, door: int, now: float, packet: Packet) -> list[Happened]:
        source, step, sequence = packet.source, _step(packet), self.sequences[door]
        happened: list[Happened] = []

        def report(kind: Kind, stage: int) -> None:
            happened.append(Happened(kind, door, source, stage))

        before = self.attempts.get((door, source), [])
        alive = self._young(door, now, before)
        if before and not alive:
            report(Kind.EXPIRED, _foremost(before))

        survivors: list[Attempt] = []
        opened = False
        for attempt in alive:
            if step == sequence[attempt.stage]:
                if attempt.stage + 1 == len(sequence):
                    opened = True
                else:
                    survivors.append(Attempt(attempt.stage + 1, attempt.start))
            elif step == sequence[attempt.stage - 1]:
                survivors.append(attempt)

        started: list[Attempt] = []
        if step == sequence[0]:
            if len(sequence) == 1:
                opened = True
            else:
                started.append(Attempt(1, now))

        if opened:
            report(Kind.OPEN, len(sequence))
        elif _foremost(survivors) > _foremost(alive):
            report(Kind.STAGE, _foremost(survivors))
        elif alive and not survivors:
            report(Kind.SPOILED, _foremost(alive))
        if started and not survivors and not opened:
            report(Kind.STAGE, 1)

        if opened and self.doors[door].seq_cooldown:
            self.opened[door, source] = now
            survivors, started = [], []
        self._keep(door, source, _youngest_of_each_stage(survivors + started))
        return happened

    def _limit(self, door: int) -> float:
        return self.doors[door].seq_timeout + self.late

    def _young(self, door: int, now: float, attempts: list[Attempt]) -> list[Attempt]:
        return [attempt for attempt in attempts if now - attempt.start <= self._limit(door)]

    def _keep(self, door: int, source: bytes, attempts: list[Attempt]) -> None:
        if attempts:
            self.attempts[door, source] = attempts
        else:
            self.attempts.pop((door, source), None)


def neighbours(doors: Sequence[Door]) -> list[frozenset[Step]]:
    """The guards of ``Guard_Ports = auto`` on a host without services.

    Below and above every step the nearest port, at most 8 away, that no door asks for.
    """
    knocks = {step for door in doors for step in door.steps}
    found: list[frozenset[Step]] = []
    for door in doors:
        ports = set()
        for step in door.steps:
            for way in (-1, 1):
                near = [Step(step.port + way * far, step.protocol) for far in range(1, 9)]
                free = [port for port in near if 1 <= port.port <= 65_535 and port not in knocks]
                ports.update(free[:1])
        found.append(frozenset(ports))
    return found


def _step(packet: Packet) -> Step:
    return Step(packet.port, Protocol(packet.protocol))


def _foremost(attempts: list[Attempt]) -> int:
    return max((attempt.stage for attempt in attempts), default=0)


def _youngest_of_each_stage(attempts: list[Attempt]) -> list[Attempt]:
    youngest: dict[int, Attempt] = {}
    for attempt in sorted(attempts, key=lambda each: each.start):
        youngest[attempt.stage] = attempt
    return list(youngest.values())
