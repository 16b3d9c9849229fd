"""The matching rules for all sources, as the slow obvious model says them: what the matcher is judged by.

``knockd/knocks/explain.py`` has the rules for one source. Here are the events that its verdicts stand for,
and what a timer, another sequence and other guards change. No bounds, no limits on events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from knockd.knocks.events import Attempt as Exported
from knockd.knocks.events import Event, Expired, Guarded, Ignored, Opened, Spoiled, Stage, Stale
from knockd.knocks.explain import Attempt, Explainer
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch, watches_of
from knockd_bpf.wire import Packet
from knockd_conf.model import Door, Step
from knockd_conf.protocol import Protocol


class Model:
    """All attempts at all watches, and who touched a guard when; ``late`` is added to every Seq_Timeout."""

    def __init__(self, watches: Iterable[Watch], *, late: float = 0.0) -> None:
        self.watches = list(watches)
        self._late = late
        self._sources: dict[bytes, Explainer] = {}

    def set_watches(self, watches: Iterable[Watch], now: float) -> None:
        """Replaces all watches, as a view does."""
        self.watches = list(watches)
        for explainer in self._sources.values():
            explainer.set_watches(self.watches, now)

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
        if packet.source not in self._sources:
            self._sources[packet.source] = self._newcomer()
        explainer = self._sources[packet.source]
        verdicts = explainer.explain(packet, frozenset(local), now)
        for it in verdicts:
            for source, other in self._sources.items():
                if it.kind is Kind.OPENS and source != packet.source and it is _opening(it.door, verdicts):
                    other.use_up(it.watch)
        return implied_events(verdicts, explainer, packet, lambda verdict: self._tell(verdict, packet, now))

    def _newcomer(self) -> Explainer:
        """What is remembered of a source that has sent nothing: what others have used up."""
        made = Explainer(self.watches, slack=self._late)
        for known in [*self._sources.values()][:1]:
            for state, theirs in zip(made.states, known.states, strict=True):
                state.used_up, state.burnt = theirs.used_up, theirs.burnt
        return made

    def _tell(self, verdict: Verdict, packet: Packet, now: float) -> list[Event]:
        """Says of an ignored source that begins a knock why, and for how long; then not again for so long."""
        state = self._sources[packet.source].states[verdict.watch]
        steps, opened = self.watches[verdict.watch].steps, verdict.kind is Kind.COOLDOWN
        repeats = opened and steps[0] == steps[-1]  # it may be the packet that opened
        told = now if state.told_until is None else state.told_until
        if repeats or now < told:
            return []
        state.told_until = verdict.until
        left = math.ceil(verdict.until - now - (0.0 if opened else self._late))
        return [Ignored(verdict.door, packet.source, opened, max(1, left))]

    def expire(self, now: float) -> list[Event]:
        """Ends what is older than Seq_Timeout; speaks of it when nothing younger is left."""
        events: list[Event] = []
        for source, explainer in self._sources.items():
            for number, state in enumerate(explainer.states):
                before = state.attempts
                state.attempts = [one for one in before if not self._is_over(number, one, now)]
                silent = state.burnt or not self.watches[number].opens
                if before and not state.attempts and not silent:
                    foremost = max(one.stage for one in before)
                    events.append(Expired(self.watches[number].door, source, foremost))
        return events

    def attempts(self) -> Iterator[Exported]:
        """All attempts, as a matcher exports them."""
        for source, explainer in self._sources.items():
            for watch, state in zip(self.watches, explainer.states, strict=True):
                for stage, start in state.attempts:
                    yield Exported(hash(watch.attempts_at), source, stage, start)

    def soonest_deadline(self) -> float | None:
        """Until when the attempt that ends first may live; None without attempts."""
        deadlines = [
            attempt.start + explainer.limit(door)
            for explainer in self._sources.values()
            for door, state in enumerate(explainer.states)
            for attempt in state.attempts
        ]
        return min(deadlines, default=None)

    def _is_over(self, number: int, attempt: Attempt, now: float) -> bool:
        return now > attempt.start + self.watches[number].seq_timeout + self._late


def guarded(doors: Sequence[Door], guards: Sequence[Iterable[Step]] = ()) -> list[Watch]:
    """A watch for each door, with its guards; without them: none."""
    ports = [tuple(each) for each in guards] or [()] * len(doors)
    made = zip(watches_of(doors), ports, strict=True)
    return [replace(watch, guards=its) for watch, its in made]


_ELSEWHERE = (Kind.ELSEWHERE, Kind.FLAGS, Kind.NOT_ADMITTED, Kind.USED_UP)
_WHOLE = (Kind.OPENS, Kind.STALE, Kind.USED)
_GOES_ON = (Kind.NEXT, Kind.REPEAT)
_ORDER = (Expired, Guarded, Ignored, Spoiled, Stage, Stale)


def _opening(door: int, verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict by which a packet opens a door: the first one."""
    return next((it for it in verdicts if it.door == door and it.kind is Kind.OPENS), None)


def implied_events(
    verdicts: Sequence[Verdict],
    explainer: Explainer,
    packet: Packet,
    tell: Callable[[Verdict], list[Event]] = lambda _: [],
) -> list[Event]:
    """The events that verdicts on a packet stand for, those of attempts that begin at the end.

    ``tell`` has those about a packet that is ignored; without it there are none.
    """
    events, begun = list[Event](), list[Event]()
    for door in dict.fromkeys(it.door for it in verdicts if it.kind is not Kind.USED_UP):
        its = [it for it in verdicts if it.door == door and it.kind not in _ELSEWHERE]
        opening = _opening(door, its)
        if opening is not None:
            serial = explainer.watches[opening.watch].serial
            events.append(Opened(door, packet.source, packet.destination, opening.stage, serial))
            continue
        right = any(it.kind in (Kind.BEGINS, Kind.ENDS_ANOTHER, *_GOES_ON, *_WHOLE) for it in its)
        right = right or any(it.silent and it.kind not in (Kind.GUARD, Kind.GUARD_AGAIN) for it in its)
        step, watches = step_of(packet), explainer.watches
        ignored = [
            it
            for it in its
            if it.kind in (Kind.IGNORED, Kind.COOLDOWN)
            and step == watches[it.watch].steps[0]
            and not it.silent
            and not right
        ]
        said = [event for it in its for event in _implied(it, watches[it.watch], packet)]
        said += [event for it in ignored[:1] for event in tell(it)]
        if right:
            said = [one for one in said if not isinstance(one, Guarded | Spoiled)]
        for kind in _ORDER:
            same = [one for one in said if type(one) is kind]
            events += sorted(same, key=lambda one: -getattr(one, "stage", 0))[:1]
        heard = [it for it in its if not it.silent]
        if any(it.kind is Kind.BEGINS for it in heard) and not any(it.kind in _GOES_ON for it in heard):
            begun.append(Stage(door, packet.source, 1))
    return events + begun


def _implied(it: Verdict, watch: Watch, packet: Packet) -> list[Event]:
    """The events that a verdict stands for, but for those of ignored and opening packets."""
    events: list[Event] = []
    if it.kind in (Kind.STALE, Kind.USED):
        events.append(Stale(it.door, packet.source, watch.serial))
    if it.silent:
        return events
    if it.expired:
        events.append(Expired(it.door, packet.source, it.expired))
    match it.kind:
        case Kind.GUARD:
            events.append(Guarded(it.door, packet.source, it.before, packet.protocol << 16 | packet.port))
        case Kind.NEXT:
            events.append(Stage(it.door, packet.source, it.stage))
        case Kind.WRONG:
            events.append(Spoiled(it.door, packet.source, it.before))
    return events


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
