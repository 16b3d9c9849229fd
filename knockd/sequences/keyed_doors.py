"""Doors with a key: which of their sequences are live, and what becomes of a whole knock.

The wall clock is looked at again at the next boundary of a period, at each knock, and every few seconds
while doors wait. A child (key_child) reads the key files once a period, and derives a period more than is
watched: at a boundary what is at hand moves on, and nobody has to wait for a child. While children fail, what
is live stays. A file that cannot be used closes its doors at once, as one without keys does.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Final

from knockd.log.logger import Log
from knockd.log.rate_limit import RateLimit
from knockd.process.loop import Loop, Timer
from knockd.sequences.burnt_periods import BurntPeriods
from knockd.sequences.child_asker import ChildAsker
from knockd.sequences.derived_keys import Answer, parse_answers
from knockd.sequences.key_child import StartChild
from knockd.sequences.live_keys import CROWDED, Identity, KeyedDoor, LiveSequence, Serials, find_crowded
from knockd.sequences.live_periods import Fate, find_end, find_period, judge_knock
from knockd.sequences.recorded_clock import RecordedClock
from knockd.sequences.rotating_watches import RECOGNISED, KeySequences
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door

POLL: Final = 5.0
"""Seconds between two looks at a clock that is not trusted."""

MOST_WAIT: Final = 15.0
"""Seconds between two looks at the clock at most: the loop's does not count while the machine sleeps."""

TOLD_AFTER: Final = 0.5
"""Seconds after an opening until packet processes hear that its sequence is used: once for all that open
meanwhile, since each time costs them a filter. The same knock opens nothing before either.
"""

_MARGIN: Final = 0.002
"""Seconds after a boundary at which the clock is looked at."""


class Judgement(NamedTuple):
    """What becomes of a whole knock with a key.

    ``seconds`` are those of a Verdict; ``reason``: why it is REFUSED.
    """

    fate: Fate
    key: str = ""
    sequence: LiveSequence | None = None
    seconds: float = 0.0
    reason: str = ""


class KeyedDoors:
    """The doors with a key of a configuration. ``changed`` is called when other sequences are live.

    ``burnt`` and ``clock`` have one record. ``start`` starts a child that reads key files.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        burnt: BurntPeriods,
        clock: RecordedClock,
        start: StartChild,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._loop, self._log, self._burnt, self._clock, self._start = loop, log, burnt, clock, start
        self._asker = ChildAsker(loop, log, self._look_now)
        self._doors: dict[Identity, KeyedDoor] = {}
        self._serials = Serials()
        self._live: dict[Identity, tuple[KeySequences, ...]] = {}
        self._expired: set[tuple[Identity, str]] = set()
        """The keys whose end the log has."""
        self._crowded: frozenset[Identity] = frozenset()
        self._timer: Timer | None = None
        self._due = 0.0
        """When it fires, by the loop's clock."""
        self.refusals = RateLimit(loop, log)
        """Logs whole knocks that open nothing: who has overheard one may repeat it as often as he likes."""

    def adopt(self, config: Config) -> None:
        """Takes the doors of a configuration; all key files are read anew."""
        wanted = [KeyedDoor(door) for door in config.doors if door.sequence_key is not None]
        if not wanted and not self._doors:
            return
        self._clock.adopt(config.options)
        before, self._doors = self._doors, {}
        for door in wanted:
            known = before.get(door.identity)
            self._doors[door.identity] = known if known is not None and known.is_same(door) else door
            self._doors[door.identity].ask_again()
        kept = {one for one, door in self._doors.items() if before.get(one) is door}
        self._serials.forget(lambda sequence: sequence.door not in kept)
        self._asker.forgive()
        self._clock.look()
        self._live = self._list_live()
        self._go_on()

    def stop(self) -> None:
        """The daemon ends."""
        self._asker.stop()
        self._drop_timer()
        self.refusals.stop()
        if self._doors:
            self._clock.mark_end()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._asker.reap()

    # What is live.

    def list_sequences(self, door: Door, number: int) -> list[KeySequences]:
        """The sequences of a door that are watched now, for its number in a list of doors."""
        return [one._replace(door=number) for one in self._live.get(_identity(door), ())]

    def serial_of(self, door: Door, key: str, period: int) -> int:
        """The serial of a sequence."""
        return self._serials.number(LiveSequence(_identity(door), key, period))

    def names(self, door: Door) -> tuple[str, ...]:
        """The names of the keys of a door that have not expired."""
        known = self._doors.get(_identity(door))
        return () if known is None else known.names

    def seconds_to_next(self, door: Door) -> float | None:
        """Seconds until the next period of a door begins; None: the clock is not trusted."""
        return self._clock.find_left(door.sequence_period)

    def why_waiting(self, door: Door) -> str | None:
        """Why a door with a key cannot be opened now; None: it can, or has no key."""
        known = self._doors.get(_identity(door))
        if known is None:
            return None
        if self._clock.distrust is not None:
            return self._clock.distrust.text
        reason = known.problem
        if not known.has_answer:
            reason = self._asker.failure or "it is being read"
        elif not reason and not known.names:
            reason = "every key in it has expired"
        elif not reason and known.identity in self._crowded:
            reason = CROWDED
        return f"key file {known.path}: {reason}" if reason else None

    def name_sequence(self, door: Door, found: Judgement) -> tuple[str, int]:
        """The name of a knock's sequence, the same wherever its key is, and the seconds that it may count."""
        sequence = found.sequence
        assert sequence is not None
        known = next((one for one in self._live.get(_identity(door), ()) if one.key == found.key), None)
        ports = None if known is None else known.ports.get(sequence.period)
        steps = (
            found.key if ports is None else ",".join(f"{step.port}/{step.protocol}" for step in ports.steps)
        )
        seconds = (2 * RECOGNISED + 1) * door.sequence_period
        return f"rotating {door.name} {door.sequence_period} {sequence.period} {steps}", seconds

    # Knocks.

    def open(self, door: Door, serial: int) -> Judgement:
        """What becomes of a whole knock at a door; a sequence that is granted is used when this returns."""
        found = self._judge(door, serial)
        if found.fate is Fate.GRANTED:
            self._use(door, found)
        return found

    def _use(self, door: Door, found: Judgement) -> None:
        """Notes once that the sequence of a knock, and all before it, open nothing any more."""
        if found.sequence is None or self._clock.now is None:
            return
        identity, key, period = found.sequence
        end = find_end(period, door.sequence_period)
        if end > self._find_used_until(identity, door.sequence_period, key):
            self._burnt.burn((identity[0], key), end, self._clock.now, str(door.sequence_key))
            self._look_in(TOLD_AFTER)

    def explain_stale(self, door: Door, serial: int) -> Judgement:
        """Why a whole knock at a door that a packet process has not taken for an opening opens nothing.

        A sequence whose time has not come is used from now on: who has heard it would have it then.
        """
        found = self._judge(door, serial)
        if found.fate in {Fate.AHEAD, Fate.GRANTED}:
            self._use(door, found)
        if found.fate is not Fate.GRANTED or found.sequence is None or self._clock.now is None:
            return found
        # A boundary has passed since: it was early, or late, when it came.
        away = self._clock.now - (found.sequence.period + 0.5) * door.sequence_period
        return found._replace(fate=Fate.BEHIND if away > 0 else Fate.AHEAD, seconds=abs(away))

    def note_stage(self, door: Door) -> None:
        """Somebody has gone half the way at a door."""
        if _identity(door) in self._doors:
            self._clock.mark_stage(door.sequence_period)

    def _judge(self, door: Door, serial: int) -> Judgement:
        self._clock.look()
        sequence, known = self._serials.find(serial), self._doors.get(_identity(door))
        if known is None or sequence is None or sequence.door != known.identity:
            return Judgement(Fate.REFUSED, reason="its sequence is not known any more")
        key, now, distrust = sequence.key, self._clock.now, self._clock.distrust
        if now is None:
            reason = "" if distrust is None else distrust.text
            return Judgement(Fate.REFUSED, key, sequence, reason=reason)
        if known.has_expired(key, now):
            return Judgement(Fate.REFUSED, key, sequence, reason=f"key {key} is no longer good")
        length = known.rule.period
        used = self._find_used_until(known.identity, length, key)
        fate, seconds = judge_knock(sequence.period, now, length, used)
        if fate is Fate.USED and used == self._burnt.find_floor(length):
            fate = Fate.BEFORE_START
        return Judgement(fate, key, sequence, seconds)

    # Time.

    def _tick(self) -> None:
        self._timer = None
        self._clock.look()
        live = self._list_live()
        if live != self._live:
            self._live = live
            self.changed()
        self._go_on()

    def _look_now(self) -> None:
        self._drop_timer()
        self._tick()

    def _go_on(self) -> None:
        """Notes the time, has files read that are due, and waits for the next reason to look."""
        if not self._doors:
            return
        now, seconds = self._clock.now, POLL
        if now is not None:
            lengths = {door.rule.period for door in self._doors.values()}
            self._clock.mark_period(min(lengths))
            to_next = min((find_period(now, one) + 1) * one - now for one in lengths)
            seconds = min(to_next + _MARGIN, MOST_WAIT)
            due = [door for door in self._doors.values() if door.is_due(now)]
            self._ask(due, now)
            if due and not self._asker.is_busy:
                seconds = min(seconds, self._asker.pause)
        self._drop_timer()
        self._look_in(seconds)

    def _look_in(self, seconds: float) -> None:
        """Looks at clock and doors in so many seconds, or earlier, if that was planned."""
        due = self._loop.time() + seconds
        if self._timer is None or due < self._due:
            self._drop_timer()
            self._timer, self._due = self._loop.call_later(seconds, self._tick), due

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _list_live(self) -> dict[Identity, tuple[KeySequences, ...]]:
        """What is watched now; forgets the serials of what is long over."""
        now = self._clock.now
        if now is None:
            return {}
        self._serials.forget(lambda one: self._is_over(one, now))
        crowded = find_crowded({identity: len(door.names) for identity, door in self._doors.items()})
        for identity in sorted(crowded - self._crowded):
            self._log("key-file-problem", door=identity[0], path=self._doors[identity].path, problem=CROWDED)
        self._crowded = crowded
        return {
            identity: tuple(
                door.list_sequences(0, now, partial(self._find_used_until, identity, door.rule.period))
            )
            for identity, door in self._doors.items()
            if identity not in crowded
        }

    def _is_over(self, sequence: LiveSequence, now: float) -> bool:
        """Whether no message about a sequence can still come: it is not watched for some periods."""
        length = self._doors[sequence.door].rule.period
        return abs(sequence.period - find_period(now, length)) > 2 * RECOGNISED

    def _find_used_until(self, door: Identity, length: int, key: str) -> float:
        return self._burnt.find_used_until((door[0], key), length)

    # Files.

    def _ask(self, due: Sequence[KeyedDoor], now: float) -> None:
        questions = [door.make_question(now) for door in due]

        def take(data: bytes) -> bool:
            answers = parse_answers(data, questions)
            for door, answer in zip(due, answers, strict=True):
                self._take(door, answer, now)
            return not any(answer.problem for answer in answers)

        if due:
            self._asker.ask(lambda: self._start(questions, now), take)

    def _take(self, door: KeyedDoor, answer: Answer, asked: float) -> None:
        """Takes what a file holds; logs what is wrong with it, or has ended."""
        name, _ = door.identity
        if answer.problem and answer.problem != door.problem:
            self._log("key-file-problem", door=name, path=door.path, problem=answer.problem)
        # What is new in a file that was read before has changed since, whatever its times say.
        changed = inf if door.has_answer else answer.changed
        for key in door.take(answer, asked):
            self._burnt.begin_key((name, key), door.path, changed)
            self._serials.forget_key(door.identity, key)
        expired = {(door.identity, key) for key in door.find_expired()}
        for _, key in sorted(expired - self._expired):
            self._log("key-expired", door=name, key=key)
        self._expired = {one for one in self._expired if one[0] != door.identity} | expired


def _identity(door: Door) -> Identity:
    return door.name, door.occurrence
