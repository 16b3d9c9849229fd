"""Openings to commands: one lease a door and source, and all its states.

Pure: the caller passes the time, runs the commands it is told to run and reports their
end. States of a lease:

    STARTING --start ended--> OPEN --deadline--> STOPPING --stop worked--> gone
       ^                       |                  |  ^
       |                  knock (renew)  failed   |  | (5 times in 10 minutes, then FAILED)
       |                       |                  v  |
       +---- stop ended ---- RENEWING <--knock-- RETRYING

A knock at a lease that is STARTING or RENEWING changes nothing and is refused: its deadline
counts from the end of the start command. LEFTOVER is one of another boot: stopped once, then
gone. A door is known by its name and occurrence, so a reload keeps its leases; what is open is
closed with the stop command it was opened with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from knockd.engine.journal import Record, State
from knockd.engine.lease import Key, Knock, Lease, Refused, Run, Verb, knock_of, record_of
from knockd_conf.model import Door, Reknock

__all__ = ["MAX_LEASES", "RETRIES", "Knock", "Leases", "Refused", "Run"]

MAX_LEASES = 1_024
RETRIES: tuple[float, ...] = (10.0, 30.0, 60.0, 180.0, 300.0)
"""Seconds before each new try of a stop command that failed: five in ten minutes."""

_TIMED = frozenset({State.OPEN, State.RETRYING})
_RUNNING = frozenset({State.STARTING, State.RENEWING, State.STOPPING, State.LEFTOVER})


@dataclass(slots=True)
class Leases:
    """The table of leases, at most ``bound``. Every method returns what to do now.

    The start command of a lease is to be run after ``records`` has been written down.
    """

    bound: int = MAX_LEASES
    run: str = "run"
    """Random name of this run of the daemon; the ids of its leases begin with it."""
    closing: bool = False
    """After ``close_all``: nothing opens any more, and a start that ends is stopped at once."""
    keeping: bool = False
    """After ``keep_all``: nothing opens any more, and no stop command starts."""
    changed: bool = False
    """Whether ``records`` has something new; the caller resets it."""
    _leases: dict[int, Lease] = field(default_factory=dict)
    _by_knocker: dict[Key, int] = field(default_factory=dict)
    _by_id: dict[str, int] = field(default_factory=dict)
    _last: int = 0

    def open(self, knock: Knock, now: float) -> list[Run | Refused]:
        """A knock was complete."""
        door = knock.door
        if self.closing or self.keeping:
            return [Refused(knock, "shutting down")]
        start, stop = door.start_for(knock.version), door.stop_for(knock.version)
        current = self.held_by(knock)
        if current is not None and door.reknock is not Reknock.REPEAT:
            return self._again(current, knock, now)
        if stop is None:
            return [Run("start", start, knock, None)] if start is not None else []
        if (reason := self._no_room(door)) is not None:
            return [Refused(knock, reason)]
        self._last += 1
        return self._start(self._add(Lease(self._last, f"{self.run}.{self._last}", knock, now)), knock, now)

    def held_by(self, knock: Knock) -> Lease | None:
        """The lease that this knocker has at this door."""
        return self._leases.get(self._by_knocker.get(knock.key, 0))

    def closes_first(self, knock: Knock) -> bool:
        """Whether this knock would close what is open before it opens again."""
        lease, reknock = self.held_by(knock), knock.door.reknock
        if lease is None or lease.state in _RUNNING or reknock is Reknock.REPEAT:
            return False
        return lease.state is not State.OPEN or reknock is not Reknock.EXTEND

    def number_of(self, id_: str) -> int | None:
        """The number of the lease of this id."""
        return self._by_id.get(id_)

    def ended(self, number: int, verb: Verb, worked: bool, now: float) -> list[Run | Refused]:
        """The start or stop command of a lease has ended (``worked`` False: or a stop could not be run)."""
        lease = self._leases.get(number)
        if lease is None:
            return []
        if verb == "start":
            seconds = 0.0 if self.closing else lease.knock.door.cmd_timeout
            lease.failures = 0
            return self._set(lease, State.OPEN, now + seconds)
        if lease.state is State.RENEWING and lease.following is not None and not self.closing:
            lease.failures = 0 if worked else 1
            return self._start(lease, lease.following, now)
        if worked or lease.state is State.LEFTOVER:
            return self._forget(lease)
        return self._retry(lease, now)

    def not_started(self, number: int, now: float) -> None:
        """The start command of a lease was not run: there is nothing to stop, unless a stop failed before."""
        lease = self._leases.get(number)
        if lease is not None and lease.failures:
            lease.failures = 0
            self._retry(lease, now)
        elif lease is not None:
            self._forget(lease)

    def due(self, now: float) -> list[Run]:
        """The stop commands whose time has come."""
        if self.keeping:
            return []
        runs = []
        for lease in self._leases.values():
            if lease.state in _TIMED and lease.deadline <= now:
                expired = lease.state is State.OPEN and not self.closing
                runs.append(self._stop(lease, State.STOPPING, now, expired=expired))
        return runs

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do, None: nothing is pending."""
        if self.keeping:
            return None
        return min((x.deadline for x in self._leases.values() if x.state in _TIMED), default=None)

    def close_all(self, now: float) -> list[Run]:
        """The stop commands that end every lease now; a start that still runs is stopped after it."""
        self.closing = True
        waiting = [lease for lease in self._leases.values() if lease.state not in _RUNNING]
        return [self._stop(lease, State.STOPPING, now, expired=False) for lease in waiting]

    def keep_all(self) -> None:
        """From now on commands only end: every lease is left to the next run."""
        self.keeping = True

    def settled(self) -> bool:
        """Whether nothing is to be waited for: no command of a lease runs, and no deadline is to come."""
        waits = _RUNNING if self.keeping else _RUNNING | _TIMED
        return not any(lease.state in waits for lease in self._leases.values())

    def is_new(self, record: Record) -> bool:
        """Whether a record is of no lease that is ours already, or was ours and is closed since."""
        return not self._is_ours(record.id) and self.number_of(record.id) is None

    def recover(self, record: Record, now: float, *, same_boot: bool, running: Verb | None) -> list[Run]:
        """Takes a lease of an earlier run over; ``running``: the command of it that still runs.

        ``orphan_ended`` is to be called when that has ended.
        """
        if not self.is_new(record):
            return []
        self._last += 1
        knock, deadline = knock_of(record), record.deadline if same_boot else now
        held = self.held_by(knock)
        lease = self._add(Lease(self._last, record.id, knock, deadline))
        if held is not None and (self._is_ours(held.id) or held.deadline >= deadline):
            self._by_knocker[knock.key] = held.number  # a journal may be found late
        lease.failures = record.failures
        if not same_boot or record.state is State.LEFTOVER:
            if running is None:
                return [self._stop(lease, State.LEFTOVER, now, expired=False)]
            self._set(lease, State.LEFTOVER, now)
        elif running == "start":
            self._set(lease, State.STARTING, record.deadline)
        elif running == "stop":
            self._set(lease, State.STOPPING, now)
        elif record.state is State.RETRYING:
            self._set(lease, State.RETRYING, record.deadline)
        elif record.state is State.FAILED:
            lease.failures = 0
            self._set(lease, State.RETRYING, now)
        else:
            self._set(lease, State.OPEN, record.deadline)
        return []

    def orphan_ended(self, number: int, verb: Verb, now: float) -> list[Run | Refused]:
        """A command that an earlier run had started has ended; nobody knows whether it worked."""
        lease = self._leases.get(number)
        if lease is None:
            return []
        if verb == "start":
            return self.ended(number, verb, True, now)
        if self.keeping:
            return self._set(lease, State.OPEN, now)
        return [self._stop(lease, lease.state, now, expired=False)]

    def records(self) -> Sequence[Record]:
        """Every lease with all that its end needs."""
        return tuple(map(record_of, self._leases.values()))

    def __len__(self) -> int:
        return len(self._leases)

    def failed(self) -> list[Lease]:
        """Leases whose stop command has failed for good."""
        return [lease for lease in self._leases.values() if lease.state is State.FAILED]

    def _is_ours(self, id_: str) -> bool:
        return id_.startswith(f"{self.run}.")

    def _no_room(self, door: Door) -> str | None:
        """Why there is no room for a lease of this door, None when there is.

        A flood opens doors with one step for as many sources as it likes: a quarter is not for them.
        """
        counted = [lease for lease in self._leases.values() if lease.state is not State.FAILED]
        if len(counted) >= self.bound:
            return f"{self.bound} leases are open"
        if not _for_anybody(door) or len(counted) < (most := self.bound - self.bound // 4):
            return None
        if sum(_for_anybody(lease.knock.door) for lease in counted) < most:
            return None
        return f"{most} leases of doors with one step are open"

    def _again(self, lease: Lease, knock: Knock, now: float) -> list[Run | Refused]:
        """A knock of one who has a lease already."""
        door = knock.door
        if lease.state in {State.STARTING, State.RENEWING}:
            return [Refused(knock, "its start command has not ended yet")]
        if lease.state is State.OPEN and door.reknock is Reknock.EXTEND and door.stop_for(knock.version):
            return self._set(lease, State.OPEN, now + door.cmd_timeout)
        lease.following = knock
        if lease.state in {State.STOPPING, State.LEFTOVER}:
            # Its stop command is running; it opens again when that has ended.
            return self._set(lease, State.RENEWING, now)
        return [self._stop(lease, State.RENEWING, now, expired=False)]

    def _start(self, lease: Lease, knock: Knock, now: float) -> list[Run | Refused]:
        start = knock.door.start_for(knock.version)
        if knock.door.stop_for(knock.version) is None:  # so says the door since a reload
            self._forget(lease)
            return [Run("start", start, knock, None)] if start is not None else []
        lease.knock, lease.following = knock, None
        self._set(lease, State.STARTING, now + knock.door.cmd_timeout)
        if start is None:
            return self.ended(lease.number, "start", True, now)
        return [Run("start", start, knock, lease.number, lease.id)]

    def _stop(self, lease: Lease, state: State, now: float, *, expired: bool) -> Run:
        # A record whose time is over says already what a record of the stop command would say.
        told = self.changed or state is State.LEFTOVER or lease.deadline > now
        self._set(lease, state, now)
        self.changed = told
        command = lease.knock.door.stop_for(lease.knock.version)
        assert command is not None, "a lease is only made for a door with a stop command"
        return Run("stop", command, lease.knock, lease.number, lease.id, expired)

    def _retry(self, lease: Lease, now: float) -> list[Run | Refused]:
        """A stop command failed; the last try of this run leaves it to the next one."""
        if self.closing or lease.failures >= len(RETRIES):
            self._set(lease, State.FAILED, now)
            if len(self.failed()) > self.bound:  # kept to be shown, never at the cost of a knock
                self._forget(self.failed()[0])
            return []
        lease.failures += 1
        return self._set(lease, State.RETRYING, now + RETRIES[lease.failures - 1])

    def _add(self, lease: Lease) -> Lease:
        self._leases[lease.number] = lease
        self._by_id[lease.id] = lease.number
        self._by_knocker[lease.knock.key] = lease.number
        return lease

    def _set(self, lease: Lease, state: State, deadline: float) -> list[Run | Refused]:
        lease.state, lease.deadline, self.changed = state, deadline, True
        return []

    def _forget(self, lease: Lease) -> list[Run | Refused]:
        self.changed = True
        del self._leases[lease.number], self._by_id[lease.id]
        if self._by_knocker.get(lease.knock.key) == lease.number:
            del self._by_knocker[lease.knock.key]
        return []


def _for_anybody(door: Door) -> bool:
    """Whether a single packet opens the door; of one that an earlier run opened nobody knows."""
    return len(door.steps) <= 1 and door.one_time_file is None
