"""Packets to events: all changes of attempts, guard hits and cooldowns, by one packet, by time or by a view.

A source and a watch have a set of attempts, each with a stage (steps done) and a start (the
time of its first packet), and perhaps a time until which the source is ignored. A packet
concerns a watch when its protocol and port are a step or a guard of it, its destination is
watched and its TCP flags fit. Then:

    what comes                    attempts                             source          event
    ----------------------------  -----------------------------------  --------------  ---------
    packet of an ignored source   stay                                 ignored         -
    the first step from one       stay                                 ignored         Ignored
    Seq_Timeout is over           end, before the packet is judged                     Expired
    guard port                    all end                              ignored         Guarded
    the step that is due          stage + 1                                            Stage
    the last step that is due     all at this door end                 Seq_Cooldown    Opened
    a step that is done           stay (retransmissions do no harm)                    -
    a step that is not due yet    end                                                  Spoiled
    the first step                besides, one at stage 1 begins,                      Stage 1
                                  unless the packet ends a knock
    a view: the guard is none     those that it ended are back         not ignored     -

A guard port makes a watch ignore a source for Seq_Timeout, an opening for Seq_Cooldown. Ignored says
until when, and until then it is not said again. While a limit holds lines back nothing is said of it, and
nothing is counted: the next knock may find room. A first step that is retransmitted counts as another
knock, but one that is the last step, too, says nothing of an opening. A guard that a view takes away has
never been one: a server was started there. Two attempts at one stage are one: the younger stays. Events
are about the foremost attempt only. A packet ends a knock when it opens a door of two steps or more: it
begins no attempt at any door. After an opening by a watch that is used once nothing concerns it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil

from knockd.knocks.batch import LEAST, Batch
from knockd.knocks.bulk import remember, split
from knockd.knocks.events import Attempt, Event, Expired, Guarded, Ignored, Opened, Spoiled, Stage, Underway
from knockd.knocks.memory import MAX_ATTEMPTS, Memory
from knockd.knocks.port_table import PortRole, PortTable, Tag
from knockd.knocks.tally import Tally, find_foremost
from knockd.knocks.touches import Stages, find_reason, touch_again, without_ports
from knockd.knocks.watch import Watch
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import PacketFields

UNLIMITED = 1 << 62
"""Events that a limit lets through where there is none."""

SWEEP_PAUSE = 0.05
"""Seconds between two sweeps at least, plus one second for every full table of first stages."""


class Matcher:
    """Judges packets. Not thread-safe; knows neither clock nor socket.

    ``slack`` are seconds by which the caller's time may lag behind a packet's arrival. Events that
    any stranger can cause cost a token of ``strangers``, other failures and stages one of
    ``knockers``; None means no limit. Openings are never limited.
    """

    def __init__(
        self,
        watches: Iterable[Watch],
        *,
        max_attempts: int = MAX_ATTEMPTS,
        slack: float = 0.0,
        strangers: TokenBucket | None = None,
        knockers: TokenBucket | None = None,
    ) -> None:
        self._ports = PortTable(slack)
        self._slack = slack
        self._strangers = strangers or TokenBucket(burst=UNLIMITED)
        self._knockers = knockers or TokenBucket(burst=UNLIMITED)
        self._memory = Memory(max_attempts)
        self.set_watches(watches, 0.0)

    def set_watches(self, watches: Iterable[Watch], now: float) -> None:
        """Replaces all watches: attempts and ignored sources of those that stay are kept.

        A watch stays when it differs in its guards and the number of its door at most; it stays used
        up, too. Attempts at a changed watch are forgotten, but whom a door ignores it goes on to ignore.
        """
        change = self._ports.set_watches(watches)
        self._memory.end_attempts(change.ended)
        self._memory.forget_ignored(change.gone)
        if change.unguarded:
            self._undo(change.unguarded, now)
        for key, (touched, ports, attempts) in list(self._memory.ignored.items()) if change.ended else ():
            if attempts and key[-2:] in change.ended:  # they were at another sequence: none comes back
                self._memory.ignored.pop(key)
                self._memory.ignored.put(key, (touched, ports, ()))

    def feed(self, packet: PacketFields, local: frozenset[bytes], now: float) -> list[Event]:
        """Judges one packet; ``local`` are the addresses of the interface it came in by.

        ``now`` in seconds of a steady clock, never less than at the last call.
        """
        source, destination, protocol, port, flags = packet
        memory = self._memory
        events: list[Event] = []
        begins: list[tuple[PortRole, bool]] = []
        ends_knock = False
        for role in self._ports.roles.get(protocol << 16 | port, ()):
            if flags & role.flag_mask != role.flag_value or destination not in (role.targets or local):
                continue
            key = source + role.tag
            if role.guard:
                self._guard(key, role, protocol << 16 | port, now, events)
                continue
            touch = memory.ignored.get(key)
            if (touch is not None and now < touch[0] + role.timeout) or (
                role.cooldown and self._is_cooling(key, now)
            ):
                if role.first and self._strangers.tokens >= 1 and now >= (memory.told.get(key) or 0.0):
                    self._tell_ignored(key, role, now, events)
                continue
            foremost = 0
            if attempts := memory.take(key):
                foremost = self._advance(key, role, now, attempts, events)
            if role.last in (1, foremost):
                self._open(key, role, destination, now, events)
                ends_knock = ends_knock or role.last > 1
            elif role.first:
                begins.append((role, not foremost))
        if not ends_knock:
            for role, alone in begins:
                key = source + role.tag
                if alone:
                    memory.tally.begun += 1
                    self._report(Stage(role.door, source, 1), events)
                else:
                    memory.first.pop(key)  # the younger one stays
                memory.first.put(key, now)
                memory.expect_expiry(now + role.timeout)
        return events

    def feed_batch(
        self, batch: Batch, local: frozenset[bytes], arrivals: Sequence[float]
    ) -> Iterator[tuple[int, Event]]:
        """Judges all packets of a batch as ``feed`` does one; yields each event with the place of its packet.

        ``arrivals`` has when each frame came. While lines are held back strangers are remembered together.
        """
        if batch.size >= LEAST and self._strangers.tokens < batch.size:
            bulks, singles = split(
                batch, arrivals, lambda head: self._ports.find_roles(head, local), self._memory.known
            )
        else:
            bulks, singles = [], batch.packets()
        waiting = iter((*sorted(singles), batch.size))
        start, place = 0, next(waiting)
        memory, strangers = self._memory, self._strangers
        while (stop := remember(bulks, start, place, memory, strangers) if bulks else place) < batch.size:
            if stop == place:
                packet, place = singles[stop], next(waiting)
            else:
                (packet,) = (packet for bulk in bulks for packet in bulk.group.at(stop))
            start = stop + 1
            for event in self.feed(packet, local, arrivals[stop]):
                if isinstance(event, Opened):
                    bulks = [bulk for bulk in bulks if not self._ports.is_used_up(bulk.role.tag)]
                yield stop, event

    @property
    def tally(self) -> Tally:
        """How many events there were, also those that were held back."""
        return self._memory.tally

    def count_attempts(self) -> int:
        """How many attempts there are; some may be over."""
        return len(self._memory)

    def find_attempts(self, now: float, most: int) -> list[Underway]:
        """Up to ``most`` attempts that are under way, the foremost of the youngest first."""
        limits = self._ports.timeouts
        return [
            Underway(
                self._ports.door(key[-2:]),
                key[:-2],
                stage,
                max(1, ceil(round(since + limits[key[-2:]] - self._slack - now, 3))),
            )
            for key, stage, since in find_foremost(
                self._memory.first, self._memory.advanced, limits, now, most
            )
        ]

    def export_attempts(self) -> Iterator[Attempt]:
        """All attempts and ignored sources."""
        return self._memory.export(self._ports)

    def import_attempts(self, attempts: Iterable[Attempt], now: float) -> None:
        """Takes what another matcher exported, before the first packet is fed."""
        self._memory.take_over(attempts, self._ports, now)

    def expire(self, now: float) -> list[Event]:
        """Ends every attempt that has grown too old; call it when ``next_expiry`` has come."""
        if self._memory.next_expiry is None or now < self._memory.next_expiry:
            return []
        events: list[Event] = []
        limits, first = self._ports.timeouts, self._memory.first
        for key in [key for key, started in first.items() if started + limits[key[-2:]] < now]:
            first.pop(key)
            if self._memory.advanced.get(key) is None:
                self._report_expired(key, 1, events)
        deadlines = [min((started + limits[key[-2:]] for key, started in first.items()), default=None)]
        for key, ahead in list(self._memory.advanced.items()):
            limit = limits[key[-2:]]
            alive = tuple(attempt for attempt in ahead if attempt[1] + limit >= now)
            if len(alive) < len(ahead):
                self._memory.advanced.pop(key)
                if alive:
                    self._memory.advanced.put(key, alive)
                elif first.get(key) is None:
                    self._report_expired(key, ahead[0][0], events)
            deadlines += [started + limit for _, started in alive]
        soonest = min((deadline for deadline in deadlines if deadline is not None), default=None)
        pause = SWEEP_PAUSE + len(first) / self._memory.max_attempts
        self._memory.next_expiry = None if soonest is None else max(soonest, now) + pause
        return events

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do at the earliest; None: nothing is pending."""
        return self._memory.next_expiry

    def _advance(self, key: bytes, role: PortRole, now: float, attempts: Stages, events: list[Event]) -> int:
        """Moves every attempt of one source at one watch by one packet; returns the foremost stage, 0: none.

        At the last stage no attempt is kept.
        """
        alive = [attempt for attempt in attempts if attempt[1] + role.timeout >= now]
        if not alive:
            self._report_expired(key, attempts[0][0], events)
            return 0
        after: dict[int, float] = {}
        for stage, start in alive:
            if stage in role.advances:
                after[stage + 1] = max(start, after.get(stage + 1, start))
            elif stage >= role.done:
                after[stage] = max(start, after.get(stage, start))
        foremost = max(after, default=0)
        if foremost == role.last:
            return foremost
        if not foremost:
            self._memory.tally.spoiled += 1
            self._report(Spoiled(role.door, key[:-2], alive[0][0]), events)
        elif foremost > alive[0][0]:
            self._report(Stage(role.door, key[:-2], foremost), events)
        if 1 in after:
            self._memory.first.put(key, after.pop(1))
        if after:
            self._memory.advanced.put(key, tuple(sorted(after.items(), reverse=True)))
        return foremost

    def _open(self, key: bytes, role: PortRole, destination: bytes, now: float, events: list[Event]) -> None:
        """The last step came: all attempts of the source at the door end, and its cooldown begins.

        A sequence that is used once has been used.
        """
        events.append(Opened(role.door, key[:-2], destination, role.last))
        for tag in self._ports.tags(role.door):
            self._memory.take(key[:-2] + tag)
        if role.cooldown:
            self._memory.cooling.pop(key)
            self._memory.cooling.put(key, now + role.cooldown)
        if role.once:
            self._ports.use_up(role.tag)
            self._memory.end_attempts({role.tag})

    def _guard(self, key: bytes, role: PortRole, port: int, now: float, events: list[Event]) -> None:
        """A source touched a guard port: its attempts at the watch end, and it is ignored there."""
        attempts, before = self._memory.take(key), self._memory.ignored.pop(key)
        if before is not None and now < before[0] + role.timeout:
            self._memory.ignored.put(key, touch_again(before, port, now))
            return
        self._memory.ignored.put(key, (now, (port,), attempts))
        if role.cooldown and self._is_cooling(key, now):
            return
        stage = next((stage for stage, start in attempts if start + role.timeout >= now), 0)
        if attempts and not stage:
            self._report_expired(key, attempts[0][0], events)
        self._memory.tally.guarded += 1
        self._report(Guarded(role.door, key[:-2], stage, port), events)

    def _tell_ignored(self, key: bytes, role: PortRole, now: float, events: list[Event]) -> None:
        """An ignored source begins a knock: reports until when it is ignored, if that can be said."""
        found = find_reason(role, self._memory.ignored.get(key), self._memory.cooling.get(key))
        if found is not None:
            until, opened = found
            self._memory.told.pop(key)
            self._memory.told.put(key, until)
            # Rounded first: what is added and subtracted again leaves a trace, which is no second.
            left = ceil(round(until - now - (0.0 if opened else self._slack), 3))
            self._memory.tally.ignored += 1
            self._report(Ignored(role.door, key[:-2], opened, max(1, left)), events)

    def _is_cooling(self, key: bytes, now: float) -> bool:
        """Whether the source of a key is ignored since an opening."""
        until = self._memory.cooling.get(key)
        return until is not None and now < until

    def _undo(self, unguarded: Mapping[Tag, frozenset[int]], now: float) -> None:
        """Some ports are no guards any more: what they alone have caused is as if it had not been."""
        for key, touch in list(self._memory.ignored.items()):
            left = without_ports(touch, unguarded.get(key[-2:], ()))
            if left == touch:
                continue
            self._memory.ignored.pop(key)
            limit, (touched, _, attempts) = self._ports.timeouts[key[-2:]], touch
            if left is not None:
                self._memory.ignored.put(key, left)
                continue
            self._memory.told.pop(key)
            if now < touched + limit:  # meanwhile it has begun no other attempt
                alive = tuple(one for one in attempts if one[1] + limit >= now)
                if ahead := tuple(one for one in alive if one[0] > 1):
                    self._memory.advanced.put(key, ahead)
                for stage, start in alive:
                    self._memory.expect_expiry(start + limit)
                    if stage == 1:
                        self._memory.first.put(key, start)

    def _report_expired(self, key: bytes, stage: int, events: list[Event]) -> None:
        self._memory.tally.expired += 1
        self._report(Expired(self._ports.door(key[-2:]), key[:-2], stage), events)

    def _report(self, event: Stage | Spoiled | Expired | Guarded | Ignored, events: list[Event]) -> None:
        """Adds an event if its limit allows."""
        stranger = isinstance(event, Guarded | Ignored) or event.stage <= 1
        bucket = self._strangers if stranger else self._knockers
        if bucket.take():
            events.append(event)
