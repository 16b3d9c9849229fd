"""Why a packet of one source counts at a door, or does not: the rules of the matcher, slow and obvious.

One list of attempts at every watch, read from the front to the back for every packet: no tables, no
look-ups, no bounds. ``knockd/knocks/matcher.py`` has the table of the rules, and a test holds both to each
other.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from knockd.knocks.changes import assign_tags
from knockd.knocks.quick import PAUSE, TIMES
from knockd.knocks.touches import STILL
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP, PacketFields
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol


class Attempt(NamedTuple):
    """Steps done, and the time of the first packet in seconds."""

    stage: int
    start: float


@dataclass(slots=True)
class State:
    """What one watch remembers of the source; times in seconds."""

    attempts: list[Attempt] = field(default_factory=list)
    touched: float | None = None
    """When it last touched a guard."""
    ports: frozenset[Step] = frozenset()
    """Which ones it has touched while it was ignored."""
    ended: tuple[Attempt, ...] = ()
    """The attempts that the first touch ended."""
    since: float = 0.0
    """When the first of all these touches was, between which there were never ten ignore times."""
    quick: list[Attempt] = field(default_factory=list)
    """Begun since the source has been ignored for longer than Seq_Timeout."""
    cooling_until: float | None = None
    told_until: float | None = None
    """Until when it need not be said again that it is ignored; for who says so."""
    used_up: bool = False
    burnt: bool = False
    """The sequence, or a later one of its key, has opened since the watches were set."""

    def forget_touches(self) -> None:
        """Whatever guards the source has touched, it is not ignored for it."""
        self.touched, self.ports, self.told_until = None, frozenset(), None


class Explainer:
    """All that the watches remember of one source. ``slack`` seconds are added to every Seq_Timeout."""

    def __init__(self, watches: Sequence[Watch], *, slack: float = 0.0) -> None:
        self.watches = list(watches)
        self.states = [State() for _ in watches]
        self._slack = slack

    def explain(self, packet: PacketFields, local: frozenset[bytes], now: float) -> list[Verdict]:
        """Judges a packet of the source at ``now``; ``local`` are the addresses of the interface.

        Returns a verdict for each watch with a step or guard at its port, in their order: none when it
        has to do with no door. ``now`` is never less than at the last call.
        """
        verdicts = [
            verdict
            for number in range(len(self.watches))
            if (verdict := self._judge(number, packet, local, now)) is not None
        ]
        for verdict in verdicts:
            if verdict.kind in (Kind.STALE, Kind.USED):
                self._forgive(verdict)
        for at, verdict in enumerate(verdicts):
            if verdict.kind in (Kind.STALE, Kind.USED) and self._is_scanner(verdict.door, now):
                verdicts[at] = replace(verdict, kind=Kind.IGNORED, until=now)
        for door in {one.door for one in verdicts if one.kind is Kind.OPENS}:
            first = next(one for one in verdicts if one.kind is Kind.OPENS and one.door == door)
            self._open(first.watch, now)
        ends_knock = any(one.kind is Kind.OPENS and one.stage > 1 for one in verdicts)
        for at, verdict in enumerate(verdicts):
            if not verdict.begins:
                continue
            state = self.states[verdict.watch]
            if ends_knock and verdict.kind is Kind.BEGINS:
                verdicts[at] = replace(verdict, kind=Kind.ENDS_ANOTHER, begins=False, stage=0)
            elif ends_knock:
                verdicts[at] = replace(verdict, begins=False)
            elif verdict.kind is Kind.IGNORED:
                state.quick = _youngest_of_each_stage([*state.quick, Attempt(1, now)])
            else:
                state.attempts = _youngest_of_each_stage([*state.attempts, Attempt(1, now)])
        return verdicts

    def use_up(self, watch: int) -> None:
        """Another source has opened by the watch at this place: one that can be used once has been."""
        if self.watches[watch].once:
            self.states[watch].used_up, self.states[watch].attempts = True, []
        self._burn(watch)

    def set_watches(self, watches: Sequence[Watch], now: float) -> None:
        """Replaces the watches, as the matcher does for a view."""
        before, states = self.watches, self.states
        places = {number.to_bytes(2, "big"): watch for number, watch in enumerate(before)}
        self.watches, self.states = list(watches), []
        for tag, watch in zip(assign_tags(places, self.watches), self.watches, strict=True):
            state = State()
            if tag in places:
                state = states[int.from_bytes(tag, "big")]
                old = [one for one in before if one.door == places[tag].door]
                self._set_watch(state, (places[tag], watch), old, now)
            self.states.append(state)

    def _set_watch(
        self, state: State, change: tuple[Watch, Watch], siblings: Sequence[Watch], now: float
    ) -> None:
        """A watch is changed into another; ``siblings`` are all that its door had."""
        before, after = change
        new = [one for one in self.watches if one.door == after.door]
        rotated = max(len(siblings), len(new)) > 1 and (
            {one.attempts_at for one in siblings} != {one.attempts_at for one in new}
        )
        lost = frozenset(before.guards) - frozenset(after.guards)
        state.burnt = False
        same = before.attempts_at == after.attempts_at
        if not same and not (before.sequence == after.sequence and not after.opens):
            state.attempts, state.ended, state.quick, state.used_up = [], (), [], False
            lost = frozenset()
        if state.touched is None:
            return
        if rotated:
            if any(state.ports and state.ports <= {*one.steps} for one in (*siblings, *new)):
                state.forget_touches()
        elif state.ports and state.ports <= lost:
            if now < state.touched + self._ignore_time(before):
                limit = before.seq_timeout + self._slack
                state.attempts = [one for one in state.ended if one.start + limit >= now]
            state.forget_touches()
        else:
            state.ports -= lost

    def limit(self, number: int) -> float:
        """Seconds for which an attempt at a watch lives."""
        return self.watches[number].seq_timeout + self._slack

    def _ignore_time(self, watch: Watch) -> float:
        """Seconds for which a watch ignores who touches a guard."""
        return (watch.ignore_time or watch.seq_timeout) + self._slack

    def is_ignored(self, number: int, now: float) -> bool:
        """Whether the source has touched a guard of a watch so lately that it is ignored there."""
        touched = self.states[number].touched
        return touched is not None and now < touched + self._ignore_time(self.watches[number])

    def _is_scanner(self, door: int, now: float) -> bool:
        """Whether the source has touched a guard of a door: its steps may be right by chance."""
        return any(
            watch.door == door and self.is_ignored(number, now) for number, watch in enumerate(self.watches)
        )

    def is_cooling(self, number: int, now: float) -> bool:
        """Whether the source has opened so lately that a watch ignores it."""
        until = self.states[number].cooling_until
        return until is not None and now < until

    def _judge(
        self, number: int, packet: PacketFields, local: frozenset[bytes], now: float
    ) -> Verdict | None:
        watch, state = self.watches[number], self.states[number]
        _, destination, protocol, port, flags = packet
        step = Step(port, Protocol(protocol))
        if not watch.steps or step not in (*watch.steps, *watch.guards):
            return None
        silent = state.burnt or not watch.opens
        verdict = Verdict(watch=number, door=watch.door, kind=Kind.ELSEWHERE, silent=silent)
        if destination not in (watch.target or local):
            return verdict
        if protocol == TCP and watch.flags is not None and not watch.flags.accepts(flags):
            return replace(verdict, kind=Kind.FLAGS)
        if watch.access is not None and not watch.access.admits(packet[0]):
            return replace(verdict, kind=Kind.NOT_ADMITTED)
        if state.used_up:
            return replace(verdict, kind=Kind.USED_UP)
        if step not in watch.steps:
            return self._touch_guard(verdict, state, step, now)
        if self.is_ignored(number, now) or self.is_cooling(number, now):
            until = self._ignored_until(number, now)
            kind = Kind.COOLDOWN if state.cooling_until == until else Kind.IGNORED
            verdict = replace(verdict, kind=kind, until=until)
            return verdict if self.is_cooling(number, now) else self._hear_quick(verdict, state, step, now)
        return self._take_step(self._look_back(verdict, state, now), state, step)

    def _hear_quick(self, verdict: Verdict, state: State, step: Step, now: float) -> Verdict:
        """A step of a source that is ignored: it opens by a knock that is quick beside the time before it."""
        watch, touched = self.watches[verdict.watch], state.touched
        if (
            touched is None
            or verdict.silent
            or not _is_spread(watch)
            or now < state.since + self.limit(verdict.watch)
        ):
            return verdict
        quick = [
            one
            for one in state.quick
            if one.start - touched >= max(PAUSE, TIMES * (now - one.start))
            and now <= one.start + self.limit(verdict.watch)
        ]
        moved = _move(quick, watch, step)
        if _foremost(moved) == len(watch.steps):
            state.quick = []
            return replace(verdict, kind=Kind.OPENS, stage=len(watch.steps), until=0.0, quick=True)
        state.quick = _youngest_of_each_stage(moved)
        return replace(verdict, begins=step == watch.steps[0] and now - touched >= PAUSE)

    def _ignored_until(self, number: int, now: float) -> float:
        """Until when the source is ignored for any reason."""
        state = self.states[number]
        ends = [now, state.cooling_until or now]
        ignored = self._ignore_time(self.watches[number])
        return max(*ends, state.touched + ignored if state.touched is not None else now)

    def _look_back(self, verdict: Verdict, state: State, now: float) -> Verdict:
        """Forgets attempts that are too old; says what there was and is."""
        before = state.attempts
        state.attempts = [one for one in before if one.start + self.limit(verdict.watch) >= now]
        if before and not state.attempts:
            late = now - max(one.start for one in before) - self.limit(verdict.watch)
            return replace(verdict, expired=_foremost(before), late=late)
        return replace(verdict, before=_foremost(state.attempts))

    def _touch_guard(self, verdict: Verdict, state: State, step: Step, now: float) -> Verdict:
        ignored = self.is_ignored(verdict.watch, now)
        again = ignored or self.is_cooling(verdict.watch, now)
        if not ignored:
            state.ports, state.ended = frozenset(), tuple(state.attempts)
            still = STILL * self._ignore_time(self.watches[verdict.watch])
            if state.touched is None or now >= state.touched + still:
                state.since = now
        if not again:
            verdict = self._look_back(verdict, state, now)
        state.attempts, state.touched, state.ports = [], now, state.ports | {step}
        kind = Kind.GUARD_AGAIN if again else Kind.GUARD
        return replace(verdict, kind=kind, until=self._ignored_until(verdict.watch, now))

    def _take_step(self, verdict: Verdict, state: State, step: Step) -> Verdict:
        watch = self.watches[verdict.watch]
        survivors = _move(state.attempts, watch, step)
        stage, last = _foremost(survivors), len(watch.steps)
        if last in (1, stage):
            state.attempts = []
            kind = Kind.STALE if not watch.opens else Kind.USED if state.burnt else Kind.OPENS
            return replace(verdict, kind=kind, stage=last)
        state.attempts = _youngest_of_each_stage(survivors)
        begins = step == watch.steps[0]
        if stage > verdict.before:
            kind = Kind.NEXT
        elif stage:
            kind = Kind.REPEAT
        elif begins:
            kind, stage = Kind.BEGINS, 1
        else:
            kind = Kind.WRONG if verdict.before else Kind.UNBEGUN
        return replace(verdict, kind=kind, stage=stage, begins=begins)

    def _open(self, number: int, now: float) -> None:
        """A watch opens its door: the source knows the sequence, and has touched no guard at the others."""
        for watch, state in zip(self.watches, self.states, strict=True):
            if watch.door != self.watches[number].door:
                continue
            state.attempts = []
            if state is not self.states[number]:
                state.forget_touches()
            if watch.seq_cooldown:
                state.cooling_until = now + watch.seq_cooldown
        self.states[number].used_up = self.watches[number].once
        self._burn(number)

    def _forgive(self, stale: Verdict) -> None:
        """A whole sequence opens nothing: the source has touched no guard by its steps."""
        steps = {*self.watches[stale.watch].steps}
        for watch, state in zip(self.watches, self.states, strict=True):
            if watch.door == stale.door and state.ports and state.ports <= steps:
                state.forget_touches()

    def _burn(self, number: int) -> None:
        """A sequence of a key has been used: it and all that are not later open nothing more."""
        used = self.watches[number]
        for watch, state in zip(self.watches, self.states, strict=True):
            if used.key and (watch.door, watch.key) == (used.door, used.key):
                state.burnt = state.burnt or watch.serial <= used.serial


def _move(attempts: Sequence[Attempt], watch: Watch, step: Step) -> list[Attempt]:
    """Where a step leaves attempts: one on, where they are, or nowhere."""
    survivors: list[Attempt] = []
    for attempt in attempts:
        if step == watch.steps[attempt.stage]:
            survivors.append(Attempt(attempt.stage + 1, attempt.start))
        elif step in watch.steps[: attempt.stage]:
            survivors.append(attempt)
    return survivors


def _is_spread(watch: Watch) -> bool:
    """Whether a scan of every port to every fourth that meets all steps touches a guard between them."""
    steps = sorted(step.protocol << 16 | step.port for step in watch.steps)
    guards = {guard.protocol << 16 | guard.port for guard in watch.guards}
    strides = [range(steps[0], steps[-1], stride) for stride in (1, 2, 3, 4)]
    return not any(guards.isdisjoint(ports) for ports in strides)


def _foremost(attempts: Sequence[Attempt]) -> int:
    return max((attempt.stage for attempt in attempts), default=0)


def _youngest_of_each_stage(attempts: Sequence[Attempt]) -> list[Attempt]:
    ordered = sorted(attempts, key=lambda one: one.start)
    return list({attempt.stage: attempt for attempt in ordered}.values())
