"""What signed knocks are judged by as the time of a capture goes on: live minutes, keys, what has counted.

A packet is judged by the time of its own stamp, as the keeper does it. A clock that has been set back keeps
these doors waiting, and nothing is known of what came before the capture.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from knockd.knocks.signed_watch import SignedMinute, SignedWatch, signed_ports_of
from knockd.signed.judge import Ask, Ground, LiveMinute, judge_packet
from knockd.signed.known_keys import KnownKeys
from knockd.signed.limits import Limits
from knockd.signed.live_minutes import LIVE, find_live, minute_of
from knockd.signed.signed_answers import Answer
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door
from knockd_conf.signed_packet import MINUTE, MinuteKeys, nonce_of, select_door
from knockd_conf.signed_sizes import TAG

SET_BACK: Final = 1_000_000
"""Microseconds by which a clock may be earlier than it was; signed knocks wait when it is earlier."""

_MOST_MINUTES: Final = 64
"""Minutes that are kept at hand."""


class Told(Protocol):
    """Who has the knock secret."""

    def derive(self, minutes: range) -> Mapping[int, bytes]:
        """The keys of some minutes; none where there is no secret any more."""

    def find_minute(self, tag: bytes, near: int) -> int | None:
        """The nearest minute to another one that has a tag, days away at most."""


class Means(NamedTuple):
    """What a packet is judged by beside its time.

    ``told`` answers for the secret, ``answer`` has the host's identity and all keys. ``is_right`` judges
    signatures, ``is_past`` says whether a door's last day is over at a time in seconds since the epoch.
    """

    told: Told
    answer: Answer
    is_right: Callable[[bytes, bytes, bytes], bool]
    is_past: Callable[[Door, float], bool]


class Elsewhen(NamedTuple):
    """A packet was made for another time, ``ahead`` seconds later; below 0: earlier.

    ``verdict`` is what would become of it at its own time.
    """

    ahead: float
    verdict: Verdict


class SignedTimes:
    """``watch`` is that of the time that was moved to last. Stamps are in microseconds since the epoch.

    Without ``means`` no packet is judged.
    """

    def __init__(self, doors: Sequence[Door], means: Means | None) -> None:
        signed = [door for door in doors if door.is_signed]
        self.doors = {(door.signed_port or 0, select_door(door.name)): door for door in signed}
        self.watch = SignedWatch(signed_ports_of(doors), ())
        self._means = means if signed else None
        self.keys = KnownKeys(tuple(dict.fromkeys(str(door.authorized_keys) for door in signed)))
        if self._means is not None:
            self.keys.take(self._means.answer.files)
        self._minutes: dict[int, LiveMinute] = {}
        self._from = self._until = 0
        self._newest = 0
        """The latest stamp."""
        self._used: set[tuple[int, bytes, bytes]] = set()
        self._limits, self._looked = Limits(), Limits()

    @property
    def is_waiting(self) -> bool:
        """Whether no packet can be judged at the time that was moved to last."""
        return not self.watch.minutes

    def move_to(self, stamp: int) -> bool:
        """Whether something else is watched at a stamp than at the last one."""
        if self._means is None or self._from <= stamp < self._until:
            self._newest = max(self._newest, stamp)
            return False
        before = self.watch
        if stamp < self._newest - SET_BACK:
            self._from, self._until = 0, self._newest - SET_BACK
            self.watch = before._replace(minutes=())
        else:
            self._newest = max(self._newest, stamp)
            length = MINUTE * 1_000_000
            self._from = stamp // length * length
            self._until = self._from + length
            live = self._derive(find_live(stamp / 1e6))
            self.watch = before._replace(minutes=tuple(map(_watched, live)))
            self._used = {one for one in self._used if one[0] >= minute_of(stamp / 1e6) - LIVE}
        return self.watch != before

    def judge(self, arrival: Arrival) -> Verdict:
        """What becomes of a packet; one that is granted has counted then.

        ``move_to`` has been called with its stamp.
        """
        verdict, minute = self._judge(arrival, self._limits, self.watch.minutes)
        if isinstance(verdict, Granted):
            self._used.add((minute, verdict.key.public, nonce_of(arrival.packet)))
        return verdict

    def explain(self, arrival: Arrival) -> Verdict:
        """What would become of a packet of the source that is explained; nothing is used."""
        return self._judge(arrival, self._looked, self.watch.minutes)[0]

    def find_elsewhen(self, arrival: Arrival) -> Elsewhen | None:
        """When a packet would have been live; None: its tag is of no minute, days around its stamp."""
        if self._means is None:
            return None
        now = arrival.stamp / 1e6
        minute = self._means.told.find_minute(arrival.packet[:TAG], minute_of(now))
        if minute is None:
            return None
        derived = self._derive(range(minute, minute + 1))
        verdict, _ = self._judge(arrival, Limits(), [_watched(one) for one in derived])
        middle = minute * MINUTE + MINUTE / 2
        return Elsewhen(middle - now, verdict)

    def _judge(
        self, arrival: Arrival, limits: Limits, minutes: Sequence[SignedMinute]
    ) -> tuple[Verdict, int]:
        if self._means is None or not minutes:
            return Refused(Reason.CLOCK), 0
        now = arrival.stamp / 1e6
        live = [self._minutes[one.minute] for one in minutes]
        ground = Ground(now, self._means.answer.secret.host, live, self.doors, self.keys)
        ask = Ask(
            lambda *one: one in self._used,
            lambda _: False,
            lambda source: limits.take(source, now),
            self._means.is_right,
            self._means.is_past,
        )
        return judge_packet(arrival, ground, ask)

    def _derive(self, minutes: range) -> list[LiveMinute]:
        """What is at hand of these minutes."""
        assert self._means is not None
        missing = [minute for minute in minutes if minute not in self._minutes]
        if missing:
            if len(self._minutes) > _MOST_MINUTES:
                needed = (*minutes, *(one.minute for one in self.watch.minutes))
                self._minutes = {one: self._minutes[one] for one in needed if one in self._minutes}
            for minute, key in self._means.told.derive(range(missing[0], missing[-1] + 1)).items():
                keys = MinuteKeys(minute, key)
                hints = {keys.hint_of(public): public for public in self.keys.publics}
                self._minutes.setdefault(minute, LiveMinute(keys, hints))
        return [self._minutes[minute] for minute in minutes if minute in self._minutes]


def _watched(one: LiveMinute) -> SignedMinute:
    """A minute as the packet process has it."""
    return SignedMinute(one.keys.minute, one.keys.key, one.keys.tag, tuple(one.publics))


def explain_time(elsewhen: Elsewhen | None) -> str:
    """Why a packet counts at no minute that is live, in words."""
    if elsewhen is None:
        return "no signed knock for this host: made with another knock secret, or days ago, or none at all"
    minutes = max(2, round(abs(elsewhen.ahead) / MINUTE))
    ahead = elsewhen.ahead > 0
    made = f"a signed knock for {minutes} minutes {'later' if ahead else 'earlier'}"
    clock = f"the clock of the knocker is {'ahead' if ahead else 'behind'}"
    return f"{made}: {clock}" + ("" if ahead else ", or somebody sends again what he has heard")
