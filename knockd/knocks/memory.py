"""What is remembered of sources: bounded tables of attempts, of who is ignored and of what was said of it.

Keys are a source and the tag of a watch. Which entry is made when is the matcher's.

Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping

from knockd.knocks.attempts import Attempts
from knockd.knocks.changes import Tag
from knockd.knocks.events import Attempt
from knockd.knocks.port_table import PortTable
from knockd.knocks.tally import Tally
from knockd.knocks.touches import UNTOLD, Stages, Touch
from knockd_conf.model import MAX_STEPS

MAX_ATTEMPTS = 65_536
MAX_ADVANCED = 8_192
"""Attempts at stage 2 and beyond: whoever makes one knows two steps of a door."""

MAX_QUICK = 4_096
"""Ignored sources with attempts at a quick knock."""

MAX_TOLD = 4_096
"""Ignored sources of whom it is remembered that it was said."""


def most_exported(max_attempts: int) -> int:
    """The most that ``Memory.export`` yields: what all tables can hold."""
    return max_attempts + 2 * (max_attempts // 4) + MAX_ADVANCED * MAX_STEPS


class Memory:
    """All tables of a matcher, its counts and the time of its next expiry. Times are in seconds.

    ``first`` has the start of attempts at stage 1, ``advanced`` all others, ``ignored`` who has touched a
    guard, ``quick`` attempts of these, ``cooling`` until when who has opened is ignored, ``told`` until when
    that needs no saying again.
    """

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self.first: Attempts[float] = Attempts(max_attempts)
        self.advanced: Attempts[Stages] = Attempts(MAX_ADVANCED)
        self.ignored: Attempts[Touch] = Attempts(max_attempts // 4)
        self.quick: Attempts[Stages] = Attempts(MAX_QUICK)
        self.cooling: Attempts[float] = Attempts(max_attempts // 4)
        self.told: Attempts[float] = Attempts(MAX_TOLD)
        self.tally = Tally()
        self.next_expiry: float | None = None

    def take(self, key: bytes) -> Stages:
        """Takes all attempts of a source at a watch out of the tables."""
        started, ahead = self.first.pop(key), self.advanced.pop(key) or ()
        return ahead if started is None else (*ahead, (1, started))

    def cool(self, key: bytes, until: float) -> None:
        """A watch ignores a source until a time, as it has opened."""
        self.cooling.pop(key)
        self.cooling.put(key, until)

    def expect_expiry(self, deadline: float) -> None:
        """An attempt was added that ends at ``deadline``."""
        if self.next_expiry is None or deadline < self.next_expiry:
            self.next_expiry = deadline

    def end_old(self, timeouts: Mapping[Tag, float], now: float, pause: float) -> Iterator[tuple[bytes, int]]:
        """Ends every attempt that has grown too old, once the time of the next expiry has come.

        Yields the keys that have none left, and the stage of the foremost. ``timeouts`` are in seconds; the
        next time is ``pause`` seconds off at least, and a second more with a full table.
        """
        if self.next_expiry is None or now < self.next_expiry:
            return
        first = self.first
        for key in [key for key, started in first.items() if started + timeouts[key[-2:]] < now]:
            first.pop(key)
            if self.advanced.get(key) is None:
                yield key, 1
        deadlines = [min((started + timeouts[key[-2:]] for key, started in first.items()), default=None)]
        for key, ahead in list(self.advanced.items()):
            limit = timeouts[key[-2:]]
            alive = tuple(attempt for attempt in ahead if attempt[1] + limit >= now)
            if len(alive) < len(ahead):
                self.advanced.pop(key)
                if alive:
                    self.advanced.put(key, alive)
                elif first.get(key) is None:
                    yield key, ahead[0][0]
            deadlines += [started + limit for _, started in alive]
        soonest = min((deadline for deadline in deadlines if deadline is not None), default=None)
        pause += len(first) / self.max_attempts
        self.next_expiry = None if soonest is None else max(soonest, now) + pause

    def known(self, keys: KeysView[bytes]) -> set[bytes]:
        """Those of ``keys`` that have an attempt or are ignored."""
        known = self.first.known(keys) | self.advanced.known(keys) | self.ignored.known(keys)
        return known | self.cooling.known(keys)

    def forgive(self, source: bytes, tags: Iterable[Tag], ports: frozenset[int]) -> None:
        """A source is not ignored where all guards that it has touched are of ``ports``.

        These are ``protocol << 16 | port``.
        """
        for tag in tags:
            touch = self.ignored.get(source + tag)
            if touch is not None and ports.issuperset(touch[1]):
                self.ignored.pop(source + tag)
                self.told.pop(source + tag)

    def end_attempts(self, tags: Collection[Tag]) -> None:
        """Forgets all attempts at some watches."""
        self.first.forget(tags)
        self.advanced.forget(tags)
        self.quick.forget(tags)

    def forget_ignored(self, tags: Collection[Tag]) -> None:
        """Forgets whom some watches ignore."""
        self.ignored.forget(tags)
        self.cooling.forget(tags)
        self.told.forget(tags)

    def __len__(self) -> int:
        """How many attempts there are; some may be over."""
        return len(self.first) + len(self.advanced)

    def export(self, ports: PortTable) -> Iterator[Attempt]:
        """All attempts and ignored sources."""
        hashes = ports.hashes()
        for key, since in self.first.items():
            yield Attempt(hashes[key[-2:]], key[:-2], 1, since)
        for key, ahead in self.advanced.items():
            for stage, since in ahead:
                yield Attempt(hashes[key[-2:]], key[:-2], stage, since)
        for key, (since, *_) in self.ignored.items():
            yield Attempt(hashes[key[-2:]], key[:-2], 0, since)
        for key, until in self.cooling.items():
            yield Attempt(hashes[key[-2:]], key[:-2], 0, until - ports.ignore_times[key[-2:]])

    def take_over(self, attempts: Iterable[Attempt], ports: PortTable, now: float) -> None:
        """Takes what another matcher exported, before the first packet is fed; no time is later than ``now``.

        Attempts at watches that are not here, or are used up, are left out.
        """
        tags: defaultdict[int, list[Tag]] = defaultdict(list)
        for tag, one in ports.hashes().items():
            if not ports.is_used_up(tag):
                tags[one].append(tag)
        ahead: defaultdict[bytes, dict[int, float]] = defaultdict(dict)
        for watch, source, stage, since in attempts:
            for tag in tags.get(watch, ()):
                key = source + tag
                if not stage:
                    touched = min(since, ports.last_ignored(tag, now))
                    before = self.ignored.pop(key)
                    touched = touched if before is None else max(touched, before[0])
                    self.ignored.put(key, (touched, (UNTOLD,), (), touched))
                elif stage == 1:
                    self.first.pop(key)
                    self.first.put(key, min(since, now))
                    self.expect_expiry(min(since, now) + ports.timeouts[tag])
                elif stage < ports.steps(tag):
                    ahead[key][stage] = min(since, now)
        for key, stages in ahead.items():
            self.advanced.put(key, tuple(sorted(stages.items(), reverse=True)))
            self.expect_expiry(min(stages.values()) + ports.timeouts[key[-2:]])
