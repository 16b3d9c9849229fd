"""Packets to events: all transitions of all attempts are in this file.

Per source and door there is a set of attempts, each with a stage (steps done) and a start
(the time of its first packet). A packet concerns a door when its protocol and port are
one of the door's steps, its destination is watched and its TCP flags fit. Then:

    older than Seq_Timeout        -> expires (judged before the packet)
    packet is the next step       -> stage + 1; after the last step the door opens
    packet repeats the last step  -> nothing (retransmissions do not spoil)
    any other packet              -> spoiled
    packet is the first step      -> besides, a new attempt at stage 1
    packet is a guard port        -> every attempt is dropped, none is started for Seq_Timeout
    the door has opened           -> likewise for Seq_Cooldown, unless that is 0

Two attempts at one stage are one: the younger stays. When all steps of a sequence differ
there is never more than one. Events speak of the foremost attempt only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from knockd.engine.attempts import Attempts
from knockd.engine.events import Event, Expired, Guarded, Opened, Spoiled, Stage
from knockd.engine.limits import TokenBucket
from knockd.engine.routes import Concern, Concerns, concerns_of, routes, tag_of
from knockd_bpf.wire import TCP, PacketFields
from knockd_conf.model import Door, Step

MAX_ATTEMPTS = 65_536
MAX_ADVANCED = 8_192
"""Attempts at stage 2 and beyond: whoever makes one knows two steps."""

SWEEP_PAUSE = 0.05
"""Seconds between two sweeps at least, plus one second for every full table of first stages."""

_Advanced = tuple[tuple[int, float], ...]
"""(stage, start) of attempts at stage 2 and beyond, the foremost first."""


class Matcher:
    """Judges packets. Not thread-safe; knows neither clock nor socket.

    ``doors`` in configuration order (their places are the ``door`` of events), ``slack``
    seconds by which the caller's time may lag behind a packet's arrival. Events that any
    stranger can cause cost a token of ``strangers``, other failures and stages one of
    ``knockers``; None means no limit. Openings are never limited.

    ``first``, ``advanced``, ``ignored``, ``tcp_lanes`` and ``udp_lanes`` (port to what it means to the one
    door it concerns, where it does not open it at once) are there for the fast lane of ``batch``.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        *,
        max_attempts: int = MAX_ATTEMPTS,
        slack: float = 0.0,
        strangers: TokenBucket | None = None,
        knockers: TokenBucket | None = None,
    ) -> None:
        self._doors = tuple(doors)
        self._sequences: list[tuple[Step, ...]] = [door.steps for door in doors]
        self._guards: list[tuple[Step, ...]] = [() for _ in doors]
        self._concerns: list[Concerns] = [{} for _ in doors]
        self._limits = {tag_of(i): door.seq_timeout + slack for i, door in enumerate(doors)}
        self._slack = slack
        self.strangers = strangers
        self._knockers = knockers
        self.first: Attempts[float] = Attempts(max_attempts)
        self.advanced: Attempts[_Advanced] = Attempts(MAX_ADVANCED)
        self._max_attempts = max_attempts
        self._next_expiry: float | None = None
        self.ignored: Attempts[float] = Attempts(max_attempts // 4)
        self._index(range(len(self._doors)))

    def _index(self, changed: Iterable[int]) -> None:
        """Makes the tables that packets are looked up in, after some doors have changed."""
        for door in changed:
            self._concerns[door] = concerns_of(
                door, self._doors[door], self._sequences[door], self._guards[door], self._slack
            )
        self._routes = routes(self._concerns)
        self.tcp_lanes: dict[int, Concern] = {}
        self.udp_lanes: dict[int, Concern] = {}
        for port, (concern, *others) in self._routes.items():
            if not others and (concern.guard or concern.last > 1):
                (self.tcp_lanes if port >> 16 == TCP else self.udp_lanes)[port & 0xFFFF] = concern

    def set_guards(self, guards: Iterable[Iterable[Step]]) -> None:
        """Gives every door its guard ports; whom a door ignores now it goes on to ignore."""
        before, self._guards = self._guards, [tuple(ports) for ports in guards]
        self._index(
            door
            for door, (old, new) in enumerate(zip(before, self._guards, strict=True))
            if old is not new and old != new
        )

    def set_sequence(self, door: int, steps: Iterable[Step]) -> None:
        """Gives a door another sequence (none: it matches nothing); its attempts are forgotten."""
        self._sequences[door] = tuple(steps)
        tag = tag_of(door)
        for table in (self.first, self.advanced):
            for key in [key for key, _ in table.items() if key.endswith(tag)]:
                table.pop(key)
        self._index([door])

    def feed(self, packet: PacketFields, local: frozenset[bytes], now: float) -> Sequence[Event]:
        """Judges one packet; ``local`` are the addresses of the interface it came in by.

        ``now`` in seconds of a steady clock, never less than at the last call. This is the
        inner loop of a flood: the way of a strange source's first knock makes no call.
        """
        source, destination, protocol, port, flags = packet
        concerns = self._routes.get(protocol << 16 | port)
        if concerns is None:
            return ()
        events: list[Event] = []
        first, ahead_of, ignored, strangers = self.first, self.advanced, self.ignored, self.strangers
        for concern in concerns:
            if flags & concern.flag_mask != concern.flag_value:
                continue
            if destination not in (concern.targets or local):
                continue
            key = source + concern.tag
            if concern.guard:
                self._guard(key, concern, now, events)
                continue
            if (
                (ignored.young or ignored.old)
                and (touched := ignored.get(key)) is not None
                and now < touched + concern.timeout
            ):
                continue
            started = first.young.pop(key, None)
            if started is None and first.old:
                started = first.old.pop(key, None)
            ahead = ahead_of.pop(key) if ahead_of.young or ahead_of.old else None
            if started is not None or ahead is not None:
                self._advance(key, concern, packet, now, started, ahead or (), events)
            elif concern.first:
                if concern.last == 1:
                    events.append(Opened(concern.door, source, destination, 1))
                    if concern.cooldown:
                        self._ignore(key, now + concern.cooldown - concern.timeout)
                    continue
                if len(first.young) < first.full:
                    first.young[key] = now
                else:
                    first.put(key, now)
                self.expect_expiry(now + concern.timeout)
                if strangers is not None and strangers.tokens < 1:
                    strangers.held += 1
                elif strangers is None or strangers.take():
                    events.append(Stage(concern.door, source, 1))
        return events

    def expire(self, now: float) -> list[Event]:
        """Ends every attempt that has grown too old; call it when ``next_expiry`` has come."""
        if self._next_expiry is None or now < self._next_expiry:
            return []
        events: list[Event] = []
        limits = self._limits
        soonest: float | None = None
        for table in (self.first.old, self.first.young):
            for key in [key for key, started in table.items() if started + limits[key[-2:]] < now]:
                del table[key]
                if self.advanced.get(key) is None:
                    self._report_expired(key, 1, events)
            deadline = min((started + limits[key[-2:]] for key, started in table.items()), default=None)
            if deadline is not None and (soonest is None or deadline < soonest):
                soonest = deadline
        for key, ahead in list(self.advanced.items()):
            limit = limits[key[-2:]]
            alive = tuple(attempt for attempt in ahead if attempt[1] + limit >= now)
            if len(alive) < len(ahead):
                self.advanced.pop(key)
                if alive:
                    self.advanced.put(key, alive)
                elif self.first.get(key) is None:
                    self._report_expired(key, ahead[0][0], events)
            for _, started in alive:
                if soonest is None or started + limit < soonest:
                    soonest = started + limit
        pause = SWEEP_PAUSE + len(self.first) / self._max_attempts
        self._next_expiry = None if soonest is None else max(soonest, now) + pause
        return events

    def expect_expiry(self, deadline: float) -> None:
        """An attempt was added that ends at ``deadline``."""
        if self._next_expiry is None or deadline < self._next_expiry:
            self._next_expiry = deadline

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do at the earliest; None: nothing is pending."""
        return self._next_expiry

    @property
    def pending(self) -> int:
        """How many (source, door) entries the tables hold."""
        return len(self.first) + len(self.advanced)

    @property
    def evicted(self) -> int:
        """How many entries have been forgotten for want of room since the start."""
        return self.first.evicted + self.advanced.evicted

    def _advance(
        self,
        key: bytes,
        concern: Concern,
        packet: PacketFields,
        now: float,
        started: float | None,
        ahead: _Advanced,
        events: list[Event],
    ) -> None:
        """Moves every attempt of one source at one door by one packet."""
        attempts = ahead if started is None else (*ahead, (1, started))
        limit = concern.timeout
        alive = [attempt for attempt in attempts if attempt[1] + limit >= now]
        if not alive:
            self._report_expired(key, attempts[0][0], events)
        after: dict[int, float] = {}
        opened = False
        for stage, start in alive:
            if stage in concern.advances:
                if stage + 1 == concern.last:
                    opened = True
                else:
                    after[stage + 1] = max(start, after.get(stage + 1, start))
            elif stage in concern.repeats:
                after[stage] = max(start, after.get(stage, start))
        foremost = max(after, default=0)
        if opened:
            events.append(Opened(concern.door, packet[0], packet[1], concern.last))
        elif foremost > (alive[0][0] if alive else 0):
            if self._knockers is None or self._knockers.take():
                events.append(Stage(concern.door, packet[0], foremost))
        elif alive and not after:
            self._report(Spoiled(concern.door, packet[0], alive[0][0]), events)
        if opened and concern.cooldown:
            self._ignore(key, now + concern.cooldown - concern.timeout)
            return
        if concern.first:
            self._start(key, concern, now)
            after.pop(1, None)
            if not foremost and not opened and (self.strangers is None or self.strangers.take()):
                events.append(Stage(concern.door, packet[0], 1))
        elif 1 in after:
            self.first.put(key, after.pop(1))
        if after:
            self.advanced.put(key, tuple(sorted(after.items(), reverse=True)))

    def _guard(self, key: bytes, concern: Concern, now: float, events: list[Event]) -> None:
        """A source touched a guard port of a door."""
        strangers = self.strangers
        started = self.first.pop(key)
        ahead = self.advanced.pop(key) if self.advanced.young or self.advanced.old else None
        before = self._ignore(key, now)
        if before is not None and now < before + concern.timeout:
            return
        stage = 0
        if started is not None or ahead is not None:
            attempts = (ahead or ()) if started is None else (*(ahead or ()), (1, started))
            stage = next((stage for stage, start in attempts if start + concern.timeout >= now), 0)
            if not stage:
                self._report_expired(key, attempts[0][0], events)
        if strangers is not None and strangers.tokens < 1:
            strangers.held += 1
        elif strangers is None or strangers.take():
            events.append(Guarded(concern.door, key[:-2], stage))

    def _ignore(self, key: bytes, touched: float) -> float | None:
        """Ignores a source at a door for Seq_Timeout from ``touched``; returns from when it was already.

        A cooldown that ends at another time is one that began earlier or later. The longer one counts.
        """
        ignored = self.ignored
        before = ignored.young.pop(key, None)
        if before is None and ignored.old:
            before = ignored.old.pop(key, None)
        ignored.put(key, touched if before is None or before < touched else before)
        return before

    def _start(self, key: bytes, concern: Concern, now: float) -> None:
        self.first.put(key, now)
        self.expect_expiry(now + concern.timeout)

    def _report_expired(self, key: bytes, stage: int, events: list[Event]) -> None:
        self._report(Expired(int.from_bytes(key[-2:], "big"), key[:-2], stage), events)

    def _report(self, event: Spoiled | Expired, events: list[Event]) -> None:
        bucket = self.strangers if event.stage == 1 else self._knockers
        if bucket is None or bucket.take():
            events.append(event)
