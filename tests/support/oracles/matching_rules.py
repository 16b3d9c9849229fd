"""The matching rules for all sources, as the slow obvious model says them: what the matcher is judged by.

``knockd/knocks/explain.py`` has the rules for one source. Here are the events that its verdicts stand for,
and what a timer, another sequence and other guards change. No bounds, no limits on events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from knockd.knocks.events import Event, Expired, Guarded, Ignored, Opened, Spoiled, Stage
from knockd.knocks.explain import Attempt, Explainer, Kind, State, Verdict
from knockd.knocks.watch import watches_of
from knockd_bpf.wire import Packet
from knockd_conf.model import Door, Step
from knockd_conf.protocol import Protocol


@dataclass(frozen=True)
class Touch:
    """Which guards a source touched one after the other, and the attempts that ended so."""

    ports: frozenset[Step]
    ended: tuple[Attempt, ...]


class Model:
    """All attempts at all doors, and who touched a guard when.

    ``guards`` are the guard ports of each door (without them: none), ``late`` is added to
    every Seq_Timeout, in seconds.
    """

    def __init__(
        self, doors: Sequence[Door], guards: Sequence[Iterable[Step]] = (), *, late: float = 0.0
    ) -> None:
        ports = [tuple(each) for each in guards] or [()] * len(doors)
        made = zip(watches_of(doors), ports, strict=True)
        self.watches = [replace(watch, guards=its) for watch, its in made]
        self._late = late
        self._sources: dict[bytes, Explainer] = {}
        self._touches: dict[tuple[int, bytes], Touch] = {}
        self._told: dict[tuple[int, bytes], float] = {}

    def set_sequence(self, door: int, steps: Iterable[Step], guards: Iterable[Step]) -> None:
        """Gives a door another sequence and its guards, and forgets every attempt at it."""
        self._set_watch(door, steps=tuple(steps), guards=tuple(guards))
        for source, state in self._states(door):
            state.attempts = []
            if touch := self._touches.get((door, source)):
                self._touches[door, source] = replace(touch, ended=())

    def set_guards(self, door: int, ports: Iterable[Step], now: float) -> None:
        """Gives a door other guards; what was caused by those that are none any more is undone.

        Who has touched another one, too, stays ignored.
        """
        lost = frozenset(self.watches[door].guards) - frozenset(ports)
        self._set_watch(door, guards=tuple(ports))
        for source, state in self._states(door):
            touch = self._touches.get((door, source))
            if touch is None or touch.ports.isdisjoint(lost):
                continue
            if not touch.ports <= lost:
                self._touches[door, source] = replace(touch, ports=touch.ports - lost)
                continue
            if self._sources[source].is_ignored(door, now):
                state.attempts = [one for one in touch.ended if not self._is_over(door, one, now)]
            state.touched = None
            del self._touches[door, source]
            self._told.pop((door, source), None)

    def concerns(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        """Whether a packet is one of the door's steps, to a watched address, with fitting flags."""
        return self._fits(door, packet, local) and step_of(packet) in self.watches[door].steps

    def touches(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        """Whether a packet is one of the door's guards; a step is none, a door without steps has none."""
        return self._fits(door, packet, local) and step_of(packet) not in self.watches[door].steps

    def _fits(self, door: int, packet: Packet, local: Iterable[bytes]) -> bool:
        verdicts = Explainer([self.watches[door]]).explain(packet, frozenset(local), 0.0)
        return any(verdict.kind not in (Kind.ELSEWHERE, Kind.FLAGS) for verdict in verdicts)

    def feed(self, now: float, local: Iterable[bytes], packet: Packet) -> list[Event]:
        """Judges one packet that arrived at ``now`` (seconds)."""
        source = packet.source
        explainer = self._sources.setdefault(source, Explainer(self.watches, slack=self._late))
        before = [
            (tuple(state.attempts), explainer.is_ignored(door, now))
            for door, state in enumerate(explainer.states)
        ]
        verdicts = explainer.explain(packet, frozenset(local), now)
        for verdict in verdicts:
            if verdict.kind in (Kind.GUARD, Kind.GUARD_AGAIN):
                attempts, ignored = before[verdict.watch]
                known = self._touches[verdict.watch, source] if ignored else Touch(frozenset(), attempts)
                touch = replace(known, ports=known.ports | {step_of(packet)})
                self._touches[verdict.watch, source] = touch
        return implied_events(verdicts, packet, lambda verdict: self._tell(verdict, packet, now))

    def _tell(self, verdict: Verdict, packet: Packet, now: float) -> list[Event]:
        """Says of an ignored source that begins a knock why, and for how long; then not again for so long."""
        door, key = verdict.door, (verdict.door, packet.source)
        steps, opened = self.watches[door].steps, verdict.kind is Kind.COOLDOWN
        repeats = opened and steps[0] == steps[-1]  # it may be the packet that opened
        if step_of(packet) != steps[0] or repeats or now < self._told.get(key, now):
            return []
        self._told[key] = verdict.until
        left = math.ceil(verdict.until - now - (0.0 if opened else self._late))
        return [Ignored(door, packet.source, opened, max(1, left))]

    def expire(self, now: float) -> list[Event]:
        """Ends what is older than Seq_Timeout; speaks of it when nothing younger is left."""
        events: list[Event] = []
        for source, explainer in self._sources.items():
            for door, state in enumerate(explainer.states):
                before = state.attempts
                state.attempts = [one for one in before if not self._is_over(door, one, now)]
                if before and not state.attempts:
                    events.append(Expired(door, source, max(one.stage for one in before)))
        return events

    def soonest_deadline(self) -> float | None:
        """Until when the attempt that ends first may live; None without attempts."""
        deadlines = [
            attempt.start + explainer.limit(door)
            for explainer in self._sources.values()
            for door, state in enumerate(explainer.states)
            for attempt in state.attempts
        ]
        return min(deadlines, default=None)

    def _is_over(self, door: int, attempt: Attempt, now: float) -> bool:
        return now > attempt.start + self.watches[door].seq_timeout + self._late

    def _states(self, door: int) -> list[tuple[bytes, State]]:
        return [(source, explainer.states[door]) for source, explainer in self._sources.items()]

    def _set_watch(self, door: int, **values: tuple[Step, ...]) -> None:
        self.watches[door] = replace(self.watches[door], **values)  # type: ignore[arg-type]
        for explainer in self._sources.values():
            explainer.watches[door] = self.watches[door]


def implied_events(
    verdicts: Sequence[Verdict], packet: Packet, tell: Callable[[Verdict], list[Event]] = lambda _: []
) -> list[Event]:
    """The events that verdicts on a packet stand for, those of attempts that begin at the end.

    ``tell`` has those about a packet that is ignored; without it there are none.
    """
    source, events = packet.source, list[Event]()
    for it in verdicts:
        if it.expired:
            events.append(Expired(it.door, source, it.expired))
        match it.kind:
            case Kind.GUARD:
                events.append(Guarded(it.door, source, it.before, packet.protocol << 16 | packet.port))
            case Kind.IGNORED | Kind.COOLDOWN:
                events += tell(it)
            case Kind.NEXT:
                events.append(Stage(it.door, source, it.stage))
            case Kind.WRONG:
                events.append(Spoiled(it.door, source, it.before))
            case Kind.OPENS:
                events.append(Opened(it.door, source, packet.destination, it.stage))
    return events + [Stage(it.door, source, 1) for it in verdicts if it.kind is Kind.BEGINS]


def neighbours(doors: Sequence[Door]) -> list[frozenset[Step]]:
    """The guards of ``Guard_Ports = auto`` on a host without services.

    Below and above every step the nearest four ports, at most 8 away, that no door asks for.
    """
    knocks = {step for door in doors for step in door.steps}
    found: list[frozenset[Step]] = []
    for door in doors:
        ports = set()
        for step in door.steps:
            for way in (-1, 1):
                near = [Step(step.port + way * far, step.protocol) for far in range(1, 9)]
                free = [port for port in near if 1 <= port.port <= 65_535 and port not in knocks]
                ports.update(free[:4])
        found.append(frozenset(ports))
    return found


def step_of(packet: Packet) -> Step:
    """The port that a packet goes to."""
    return Step(packet.port, Protocol(packet.protocol))
