"""Packets to events: what becomes of attempts, guard hits and cooldowns.

A source and a watch have a set of attempts, each with a stage (steps done) and a start (the
time of its first packet), and perhaps a time until which the source is ignored. A packet
concerns a watch when its protocol and port are a step or a guard of it, its destination is
watched, its TCP flags fit and its source is admitted. Then:

    what comes                    attempts                             source          event
    ----------------------------  -----------------------------------  --------------  ---------
    packet of an ignored source   stay                                 ignored         -
    the last step of a quick      all at this door end                 Seq_Cooldown    Opened
    knock of a source that was
    ignored for Seq_Timeout
    the first step from one       stay                                 ignored         Ignored
    Seq_Timeout is over           end, before the packet is judged                     Expired
    guard port                    all end                              ignored         Guarded
    the step that is due          stage + 1                                            Stage
    the last step that is due     all at this door end                 Seq_Cooldown    Opened
    the same at a watch that      those at this watch end                              Stale; of one
    opens nothing                                                                      ignored: none
    a step that is done           stay (retransmissions do no harm)                    -
    a step that is not due yet    end                                                  Spoiled
    the first step                besides, one at stage 1 begins,                      Stage 1
                                  unless the packet ends a knock
    a view: the guard is none     those that it ended are back         not ignored     -
    a view: the watch is another  end, unless it only opens no more    ignored         -

A guard port makes a watch ignore a source for its ignore time, an opening for Seq_Cooldown. ``quick.py`` says
what a quick knock is; its attempts are apart, and nothing is said of them but the opening. Ignored says
until when, and until then it is not said again. While a limit holds lines back nothing is said of it, and
nothing is counted: the next knock may find room. A first step that is retransmitted counts as another
knock, but one that is the last step, too, says nothing of an opening. A guard that a view takes away has
never been one: a server was started there. One that goes as the sequences of a door change has been one.
Two attempts at one stage are one: the younger stays. Events are about the foremost attempt only. A packet
ends a knock when it opens a door of two steps or more: it begins no attempt at any door. After an opening
by a watch that is used once nothing concerns it.

A watch opens nothing when its sequence is not live, or has been used: from an opening until the next view
so do the watch of a key that opened and those of earlier sequences of it. Nothing else is said of it.

A door may have several watches, which judge each packet for themselves. But of one packet there is one
event of a kind about a door at most, the foremost; and:

    what comes                    at the other watches of the door                     event
    ----------------------------  ---------------------------------------------------  -------------
    a packet that begins, goes    as above                                             no Guarded,
    on with or repeats a knock,                                                        Spoiled, Ignored
    a step of a sequence that
    opens nothing
    the last step                 all attempts end, touched guards are forgotten,      Opened alone
                                  Seq_Cooldown begins
    the last step of a sequence   who has touched steps of it alone is not ignored     Stale
    that opens nothing            for it: the next sequence opens at once
    a view with other watches     who has touched steps of one other sequence of the   -
                                  door alone is not ignored for it: he has knocked it

Here is what a packet does; ``memory.py`` ends what is too old, ``undoing.py`` does what a view does, and
``bulk.py`` does to many packets at once what is done to each here.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from knockd.knocks.batch import LEAST, Batch
from knockd.knocks.bulk import remember, split
from knockd.knocks.events import (
    Attempt,
    Event,
    Expired,
    Guarded,
    Opened,
    Spoiled,
    Stage,
    Stale,
    Underway,
)
from knockd.knocks.findings import Finding, Unheard, settle
from knockd.knocks.memory import MAX_ATTEMPTS, Memory
from knockd.knocks.port_table import PortRole, PortTable
from knockd.knocks.quick import begin_quickly, find_quick, is_heard, may_begin
from knockd.knocks.reports import Reporter
from knockd.knocks.tally import Tally, find_foremost
from knockd.knocks.touches import (
    MOST_OF_KEY,
    MOST_TOLD,
    Stages,
    Touch,
    touch_again,
    touch_first,
)
from knockd.knocks.undoing import apply_change
from knockd.knocks.watch import Watch
from knockd.token_bucket import TokenBucket
from knockd_bpf.wire import PacketFields

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
        self._memory = Memory(max_attempts)
        self._reporter = Reporter(self._memory, slack, strangers, knockers)
        self.set_watches(watches, 0.0)

    def set_watches(self, watches: Iterable[Watch], now: float) -> None:
        """Replaces all watches: attempts and ignored sources of those that stay are kept.

        A watch stays when it differs in its guards and the number of its door at most; it stays used
        up, too. Attempts at a changed watch are forgotten, but whom a door ignores it goes on to ignore.
        """
        change, ports = self._ports.set_watches(watches), self._ports
        apply_change(change, self._memory, ports.timeouts, ports.ignore_times, now)

    def feed(self, packet: PacketFields, local: frozenset[bytes], now: float) -> list[Event]:
        """Judges one packet; ``local`` are the addresses of the interface it came in by.

        ``now`` in seconds of a steady clock, never less than at the last call.
        """
        source, destination, protocol, port, flags = packet
        memory = self._memory
        found: list[Finding] = []
        begins: list[tuple[PortRole, bool | None]] = []  # whether that is said; None: a quick knock
        ends_knock = False
        for role in self._ports.roles.get(protocol << 16 | port, ()):
            if flags & role.flag_mask != role.flag_value or destination not in (role.targets or local):
                if role.siblings:
                    opened = self._judge_siblings(role.siblings, packet, local, now, found, begins)
                    ends_knock = ends_knock or opened
                continue
            key = source + role.tag
            if role.guard:
                self._guard(key, role, protocol << 16 | port, now, found)
                continue
            touch = memory.ignored.get(key)
            if (touch is not None and now < touch[0] + role.ignore_time) or (
                role.cooldown and self._is_cooling(key, now)
            ):
                if touch is not None and self._hear_quick(key, role, touch, now, begins):
                    self._open(key, role, destination, now, found)
                    ends_knock = True
                elif role.first and self._reporter.strangers.tokens >= 1:
                    found.append(Unheard(key, role))
                continue
            foremost = 0
            if attempts := memory.take(key):
                foremost = self._advance(key, role, now, attempts, found)
            if role.last in (1, foremost):
                self._open(key, role, destination, now, found)
                ends_knock = ends_knock or role.last > 1
            elif role.first:
                begins.append((role, not foremost))
        if not ends_knock:
            for role, told in begins:
                key = source + role.tag
                if told is None:
                    memory.quick.put(key, begin_quickly(memory.quick.pop(key), now))
                    continue
                if told:
                    found.append(Stage(role.door, source, 1))
                else:
                    memory.first.pop(key)  # the younger one stays
                memory.first.put(key, now)
                memory.expect_expiry(now + role.timeout)
        return self._reporter.report(found, now) if found else found  # type: ignore[return-value]

    def _judge_siblings(
        self,
        roles: Sequence[PortRole],
        packet: PacketFields,
        local: frozenset[bytes],
        now: float,
        found: list[Finding],
        begins: list[tuple[PortRole, bool | None]],
    ) -> bool:
        """Judges a packet at some watches of one door as ``feed`` does at one; whether it ends a knock."""
        source, destination, protocol, port, flags = packet
        said: list[Finding] = []
        starts: list[PortRole] = []
        stale: list[PortRole] = []
        opening: PortRole | None = None
        ends_knock = told = False
        right, number = False, self._ports.number(protocol << 16 | port)
        for role in roles:
            if flags & role.flag_mask != role.flag_value or destination not in (role.targets or local):
                continue
            if role.access is not None and not role.access.admits(source):
                continue
            key = source + role.tag
            heard: list[Finding] = []
            right = right or not (role.guard or role.opens)
            if role.guard:
                self._guard(key, role, number, now, heard)
            elif self._is_ignored(key, role, now):
                touch = self._memory.ignored.get(key)
                if touch is not None and self._hear_quick(key, role, touch, now, begins):
                    opening, ends_knock = opening or role, True
                else:
                    heard += [Unheard(key, role)] if role.first else []
            else:
                attempts = self._memory.take(key)
                foremost = self._advance(key, role, now, attempts, heard) if attempts else 0
                right = right or foremost > 0 or role.first
                told = told or (foremost > 0 and role.opens)
                if role.last not in (1, foremost):
                    starts += [role] if role.first else []
                elif role.opens:
                    opening, ends_knock = opening or role, ends_knock or role.last > 1
                else:
                    stale.append(role)
            said += heard if role.opens else ()
        for role in stale:
            steps = self._ports.step_ports(role.tag)
            self._memory.forgive(source, self._ports.tags(role.door), steps)
            if not self._is_scanner(source, role.door, now):
                said.append(Stale(role.door, source, role.serial))
        if opening is not None:
            self._open(source + opening.tag, opening, destination, now, said)
        found += settle(said, right=right)
        told = told or opening is not None
        for role in starts:
            begins.append((role, role.opens and not told))
            told = told or role.opens
        return ends_knock

    def _is_scanner(self, source: bytes, door: int, now: float) -> bool:
        """Whether a source has touched a guard of a door: its steps may be right by chance."""
        for tag in self._ports.tags(door):
            touch = self._memory.ignored.get(source + tag)
            if touch is not None and now < touch[0] + self._ports.ignore_times[tag]:
                return True
        return False

    def feed_batch(
        self, batch: Batch, local: frozenset[bytes], arrivals: Sequence[float]
    ) -> Iterator[tuple[int, Event]]:
        """Judges all packets of a batch as ``feed`` does one; yields each event with the place of its packet.

        ``arrivals`` has when each frame came. While lines are held back strangers are remembered together.
        """
        if batch.size >= LEAST and self._reporter.strangers.tokens < batch.size:
            bulks, singles = split(
                batch, arrivals, lambda head: self._ports.find_roles(head, local), self._memory.known
            )
        else:
            bulks, singles = [], batch.packets()
        waiting = iter((*sorted(singles), batch.size))
        start, place = 0, next(waiting)
        memory, strangers = self._memory, self._reporter.strangers
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
        limits, memory = self._ports.timeouts, self._memory
        attempts: dict[tuple[int, bytes], Underway] = {}
        for key, stage, since in find_foremost(memory.first, memory.advanced, limits, now):
            door, source = self._ports.door(key[-2:]), key[:-2]
            if len(attempts) < most and (door, source) not in attempts and key[-2:] not in self._ports.silent:
                left = max(1, ceil(round(since + limits[key[-2:]] - self._slack - now, 3)))
                attempts[door, source] = Underway(door, source, stage, left)
        return [*attempts.values()]

    def export_attempts(self) -> Iterator[Attempt]:
        """All attempts and ignored sources."""
        return self._memory.export(self._ports)

    def import_attempts(self, attempts: Iterable[Attempt], now: float) -> None:
        """Takes what another matcher exported, before the first packet is fed."""
        self._memory.take_over(attempts, self._ports, now)

    def expire(self, now: float) -> list[Event]:
        """Ends every attempt that has grown too old; call it when ``next_expiry`` has come."""
        ended, ports = self._memory.end_old(self._ports.timeouts, now, SWEEP_PAUSE), self._ports
        said = [(key, stage) for key, stage in ended if key[-2:] not in ports.silent]
        found = [Expired(ports.door(key[-2:]), key[:-2], stage) for key, stage in said]
        return self._reporter.report(found, now)

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do at the earliest; None: nothing is pending."""
        return self._memory.next_expiry

    def _advance(self, key: bytes, role: PortRole, now: float, attempts: Stages, found: list[Finding]) -> int:
        """Moves every attempt of one source at one watch by one packet; returns the foremost stage, 0: none.

        At the last stage no attempt is kept.
        """
        alive = [attempt for attempt in attempts if attempt[1] + role.timeout >= now]
        if not alive:
            found.append(Expired(role.door, key[:-2], attempts[0][0]))
            return 0
        after = _move(alive, role)
        foremost = max(after, default=0)
        if foremost == role.last:
            return foremost
        if not foremost:
            found.append(Spoiled(role.door, key[:-2], alive[0][0]))
        elif foremost > alive[0][0]:
            found.append(Stage(role.door, key[:-2], foremost))
        if 1 in after:
            self._memory.first.put(key, after.pop(1))
        if after:
            self._memory.advanced.put(key, tuple(sorted(after.items(), reverse=True)))
        return foremost

    def _hear_quick(
        self,
        key: bytes,
        role: PortRole,
        touch: Touch,
        now: float,
        begins: list[tuple[PortRole, bool | None]],
    ) -> bool:
        """A step of a source that is ignored for guards: whether it is the last one of a quick knock."""
        if not is_heard(role, touch, now) or (role.cooldown and self._is_cooling(key, now)):
            return False
        after = _move(find_quick(self._memory.quick.pop(key) or (), role, touch, now), role)
        if role.last in after:
            return True
        if after:
            self._memory.quick.put(key, tuple(sorted(after.items(), reverse=True)))
        if role.first and may_begin(touch, now):
            begins.append((role, None))
        return False

    def _open(self, key: bytes, role: PortRole, destination: bytes, now: float, found: list[Finding]) -> None:
        """The last step came: all attempts of the source at the door end, and its cooldown begins.

        It has touched no guard at other watches of the door. A sequence that is used once has been used.
        """
        source, memory, tags = key[:-2], self._memory, self._ports.tags(role.door)
        found.append(Opened(role.door, source, destination, role.last, role.serial))
        memory.take(key)
        if role.cooldown:
            memory.cool(key, now + role.cooldown)
        for tag in tags if len(tags) > 1 else ():
            if tag != role.tag:
                memory.take(source + tag)
                memory.ignored.pop(source + tag)
                memory.told.pop(source + tag)
                if cooldown := self._ports.cooldown(tag):
                    memory.cool(source + tag, now + cooldown)
        if role.once:
            self._ports.use_up(role.tag)
            memory.end_attempts({role.tag})
        if role.key:
            self._ports.burn(role.tag)

    def _guard(self, key: bytes, role: PortRole, port: int, now: float, found: list[Finding]) -> None:
        """A source touched a guard port: its attempts at the watch end, and it is ignored there."""
        memory = self._memory
        attempts, before = memory.take(key), memory.ignored.pop(key)
        if before is not None and now < before[0] + role.ignore_time:
            most = MOST_OF_KEY if role.key else MOST_TOLD
            memory.ignored.put(key, touch_again(before, port, now, most))
            return
        memory.ignored.put(key, touch_first(before, port, attempts, role, now))
        if role.cooldown and self._is_cooling(key, now):
            return
        stage = 0
        if attempts:
            stage = next((stage for stage, start in attempts if start + role.timeout >= now), 0)
            if not stage:
                found.append(Expired(role.door, key[:-2], attempts[0][0]))
        found.append(Guarded(role.door, key[:-2], stage, port))

    def _is_ignored(self, key: bytes, role: PortRole, now: float) -> bool:
        """Whether a watch ignores the source of a key, for a guard port or an opening."""
        touch = self._memory.ignored.get(key)
        if touch is not None and now < touch[0] + role.ignore_time:
            return True
        return role.cooldown > 0 and self._is_cooling(key, now)

    def _is_cooling(self, key: bytes, now: float) -> bool:
        """Whether the source of a key is ignored since an opening."""
        until = self._memory.cooling.get(key)
        return until is not None and now < until


def _move(attempts: Iterable[tuple[int, float]], role: PortRole) -> dict[int, float]:
    """Where a packet leaves attempts, each a stage and a start: the younger one of two at one stage."""
    after: dict[int, float] = {}
    for stage, start in attempts:
        if stage in role.advances:
            after[stage + 1] = max(start, after.get(stage + 1, start))
        elif stage >= role.done:
            after[stage] = max(start, after.get(stage, start))
    return after
