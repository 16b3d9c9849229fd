"""Doors that signed knocks open: which minutes and keys are live, and what becomes of a packet.

A child (signed_child) reads the files once a minute, and derives a minute more than is watched: at a boundary
what is at hand moves on, and nobody has to wait for a child. While children fail, what is live stays. A file
that cannot be used closes its doors at once.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.log.logger import Log
from knockd.log.stamps import local_day
from knockd.process.loop import Loop, Timer
from knockd.sequences.child_asker import ChildAsker
from knockd.sequences.recorded_clock import RecordedClock
from knockd.signed.judge import Ask, Ground, LiveMinute, judge_packet
from knockd.signed.known_keys import KnownKeys
from knockd.signed.limits import Limits
from knockd.signed.live_minutes import find_derived, find_left, find_live, minute_of
from knockd.signed.signature import explain_missing, is_right
from knockd.signed.signed_answers import Question, SecretAnswer, parse_answer
from knockd.signed.signed_child import StartSignedChild
from knockd.signed.used_nonces import UsedNonces
from knockd.signed.values import Arrival, Granted, KnownKey, Verdict
from knockd_conf.model import Config, Door
from knockd_conf.signed_packet import MINUTE, MinuteKeys, nonce_of, select_door
from knockd_conf.text import address_text

POLL: Final = 5.0
"""Seconds between two looks at a clock that is not trusted."""

MOST_WAIT: Final = 15.0
"""Seconds between two looks at the clock at most: the loop's does not count while the machine sleeps."""

_MARGIN: Final = 0.002
"""Seconds after a boundary at which the clock is looked at."""

UNKNOWN: Final = "what counted before the start is not known; knocks count again in {} s"


class SignedDoors:
    """The doors of a configuration that have a port of signed knocks.

    ``changed`` is called when ``watch`` returns something else. ``clock`` and ``nonces`` have one record.
    ``start`` starts a child that reads the files; ``explain`` says why signatures cannot be judged.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        clock: RecordedClock,
        nonces: UsedNonces,
        start: StartSignedChild,
        explain: Callable[[], str | None] = explain_missing,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._loop, self._log, self._clock, self._nonces = loop, log, clock, nonces
        self._start, self._explain = start, explain
        self._asker = ChildAsker(loop, log, self._look_now)
        self._limits = Limits()
        self._doors: dict[tuple[int, bytes], Door] = {}
        self._ports: tuple[SignedPort, ...] = ()
        self._secret_path = ""
        self._secret = SecretAnswer()
        self._keys = KnownKeys(())
        self._minutes: dict[int, LiveMinute] = {}
        """All that are derived; none while no packet can count."""
        self._asked: int | None = None
        """The minute at which the files were read last."""
        self._can_judge = False
        self._missing = ""
        self._watch = SignedWatch((), ())
        self._timer: Timer | None = None

    def adopt(self, config: Config) -> None:
        """Takes the doors of a configuration; all files are read anew."""
        wanted = [door for door in config.doors if door.is_signed]
        if not wanted and not self._doors:
            return
        self._clock.adopt(config.options)
        self._doors = {(door.signed_port or 0, select_door(door.name)): door for door in wanted}
        self._ports = tuple(dict.fromkeys(map(_port_of, wanted)))
        paths = tuple(dict.fromkeys(str(door.authorized_keys) for door in wanted))
        self._keys = KnownKeys(paths, self._keys)
        if config.options.knock_secret != self._secret_path:
            self._secret_path, self._secret = str(config.options.knock_secret), SecretAnswer()
        self._asked, self._missing = None, ""
        self._asker.forgive()
        self._derive()
        self._clock.look()
        self._watch = self._make_watch()
        self._go_on()

    def stop(self) -> None:
        """The daemon ends."""
        self._asker.stop()
        self._drop_timer()
        if self._doors:
            self._clock.mark_end()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self._asker.reap()

    def watch(self) -> SignedWatch:
        """What packet processes watch now; without minutes while the clock is not trusted."""
        return self._watch

    def judge(self, arrival: Arrival) -> Verdict:
        """What becomes of a packet; the nonce of one that is granted is noted when this returns."""
        self._clock.look()
        now = self._clock.now
        ground = Ground(now, self._secret.host, self._list_live(), self._doors, self._keys)
        verdict, minute = judge_packet(arrival, ground, self._make_ask())
        if isinstance(verdict, Granted) and now is not None:
            source = address_text(arrival.source)
            self._nonces.use(minute, verdict.key, nonce_of(arrival.packet), source, now)
        return verdict

    def why_waiting(self, door: Door) -> str | None:
        """Why no signed knock opens a door now; None: one does, or it has no port of them."""
        if self._doors.get((door.signed_port or 0, select_door(door.name))) != door:
            return None
        if self._clock.now is None:
            return "" if self._clock.distrust is None else self._clock.distrust.text
        if self._missing:
            return self._missing
        if self._secret.problem:
            return f"knock secret {self._secret_path}: {self._secret.problem}"
        unread = f"its keys: {self._asker.failure or 'they are being read'}"
        if not self._keys.has_read(str(door.authorized_keys)):
            return unread
        if (reason := self._keys.explain_none(door, self._clock.now)) is not None:
            return reason
        if not self._list_live():
            return unread
        left = self._nonces.find_first() * MINUTE - self._clock.now
        return UNKNOWN.format(ceil(left)) if left > 0 else None

    def keys(self) -> tuple[KnownKey, ...]:
        """The keys of all files, also those that have expired, in the order of the files."""
        return tuple(
            KnownKey(key, path, *(self._nonces.find_last(key.fingerprint) or ()))
            for path, key in self._keys.list_all()
        )

    # What is live.

    def _make_ask(self) -> Ask:
        return Ask(
            self._nonces.has_counted,
            self._nonces.may_have_counted,
            lambda source: self._limits.take(source, self._loop.time()),
            is_right,
            lambda door, now: door.has_expired(local_day(int(now * 1_000_000))),
        )

    def _list_live(self) -> Sequence[LiveMinute]:
        now = self._clock.now
        if now is None:
            return ()
        return [self._minutes[minute] for minute in find_live(now) if minute in self._minutes]

    def _derive(self) -> None:
        """Has the hints of all keys at hand for each minute that is derived."""
        before, self._minutes = self._minutes, {}
        publics = self._keys.publics
        if not publics or not self._can_judge:
            return
        for minute, key in self._secret.minutes.items():
            known = before.get(minute)
            if known is None or known.keys.key != key or tuple(known.publics.values()) != publics:
                keys = MinuteKeys(minute, key)
                known = LiveMinute(keys, {keys.hint_of(public): public for public in publics})
            self._minutes[minute] = known

    def _make_watch(self) -> SignedWatch:
        minutes = tuple(
            SignedMinute(one.keys.minute, one.keys.key, one.keys.tag, tuple(one.publics))
            for one in self._list_live()
        )
        return SignedWatch(self._ports, minutes)

    # Time.

    def _tick(self) -> None:
        self._timer = None
        self._clock.look()
        watch = self._make_watch()
        if watch != self._watch:
            self._watch = watch
            self.changed()
        self._go_on()

    def _look_now(self) -> None:
        self._drop_timer()
        self._tick()

    def _go_on(self) -> None:
        """Notes the time, has the files read if that is due, and waits for the next reason to look."""
        self._drop_timer()
        if not self._doors:
            return
        now, seconds = self._clock.now, POLL
        if now is not None:
            self._clock.mark_period(MINUTE)
            seconds = min(find_left(now) + _MARGIN, MOST_WAIT)
            if self._asked != minute_of(now) or self._is_troubled():
                self._read_files(now)
                if not self._asker.is_busy:
                    seconds = min(seconds, self._asker.pause)
        self._timer = self._loop.call_later(seconds, self._tick)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Files.

    def _is_troubled(self) -> bool:
        """Whether a file could not be used: it may be half written."""
        return bool(self._secret.problem or any(trouble.closes for trouble in self._keys.troubles))

    def _read_files(self, now: float) -> None:
        minutes = find_derived(now)
        question = Question(self._secret_path, self._keys.paths, minutes.start, minutes[-1])

        def take(data: bytes) -> bool:
            answer = parse_answer(data, question)
            self._load_verifier()
            if answer.secret.problem and answer.secret.problem != self._secret.problem:
                self._log("signed-waiting", reason=f"knock secret {question.secret}: {answer.secret.problem}")
            for path, problem, closes in self._keys.take(answer.files):
                if closes:
                    self._log("signed-waiting", reason=f"authorized keys {path}: {problem}")
                else:
                    self._log("authorized-line", path=path, problem=problem)
            self._secret, self._asked = answer.secret, minute_of(now)
            self._derive()
            return not self._is_troubled()

        self._asker.ask(lambda: self._start(question), take)

    def _load_verifier(self) -> None:
        """Finds out, once, whether PyNaCl is there; the packet process shares its code without running it."""
        if self._can_judge or self._missing:
            return
        missing = self._explain()
        self._can_judge = missing is None
        if missing is not None:
            self._missing = f"{missing}, and reload"
            self._log("signed-waiting", reason=self._missing)


def _port_of(door: Door) -> SignedPort:
    target = frozenset(address.packed for address in door.target)
    return SignedPort(door.signed_port or 0, target, door.access)
