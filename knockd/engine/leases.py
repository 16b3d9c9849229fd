"""Openings to commands: one lease a door and source, and all its states.

Pure: the caller passes the time, runs the commands it is told to run and reports their
end. States of a lease:

    STARTING --start ended--> OPEN --deadline--> STOPPING --stop worked--> gone
       ^                       |                    |  ^
       |                  knock (renew)             |  +-- retry (5 times in 10 minutes), then FAILED
       +---- stop ended ---- RENEWING               +--knock--> RENEWING

A knock at a lease that is STARTING changes nothing: its deadline counts from the end of
the start command.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from knockd_conf.model import Door, Reknock

MAX_LEASES = 1_024
RETRIES: tuple[float, ...] = (10.0, 30.0, 60.0, 180.0, 300.0)
"""Seconds before each new try of a stop command that failed: five in ten minutes."""

Verb = Literal["start", "stop"]


class State(Enum):
    """Where a lease is between its opening and its end."""

    STARTING = auto()
    OPEN = auto()
    RENEWING = auto()
    STOPPING = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Knock:
    """An opening as the commands see it: who knocked at which door, where and through what."""

    door: Door
    source: str
    version: int
    destination: str
    interface: str


@dataclass(slots=True)
class Lease:
    """One open door for one source. ``deadline`` is in seconds of the caller's clock."""

    number: int
    knock: Knock
    state: State = State.STARTING
    deadline: float | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A command to run now. ``lease`` is None for a door without a stop command."""

    verb: Verb
    command: str
    knock: Knock
    lease: int | None
    expired: bool = False
    """The lease's time is over: the log says so before the command runs."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An opening that was not granted, and why."""

    knock: Knock
    reason: str


@dataclass(slots=True)
class Leases:
    """The table of leases, at most ``bound``. Every method returns what to do now."""

    bound: int = MAX_LEASES
    closing: bool = False
    """After ``close_all``: nothing opens any more, and a start that ends is stopped at once."""
    _leases: dict[int, Lease] = field(default_factory=dict)
    _by_knocker: dict[tuple[Door, str], int] = field(default_factory=dict)
    _last: int = 0

    def open(self, knock: Knock, now: float) -> list[Run | Refused]:
        """A knock was complete."""
        door = knock.door
        if self.closing:
            return [Refused(knock, "shutting down")]
        start, stop = door.start_for(knock.version), door.stop_for(knock.version)
        if stop is None:
            return [Run("start", start, knock, None)] if start is not None else []
        key = (door, knock.source)
        current = self._leases.get(self._by_knocker.get(key, 0))
        if current is not None and door.reknock is not Reknock.REPEAT:
            return self._again(current, knock, now)
        if len(self._leases) - len(self.failed()) >= self.bound:
            return [Refused(knock, f"{self.bound} leases are open")]
        self._last += 1
        lease = Lease(self._last, knock)
        self._leases[lease.number] = lease
        self._by_knocker[key] = lease.number
        return self._start(lease, now)

    def ended(self, number: int, verb: Verb, worked: bool, now: float) -> list[Run | Refused]:
        """The start or stop command of a lease has ended (``worked`` False: or a stop could not be run)."""
        lease = self._leases.get(number)
        if lease is None:
            return []
        if verb == "start":
            lease.state = State.OPEN
            lease.deadline = now if self.closing else now + lease.knock.door.cmd_timeout
            return []
        if lease.state is State.RENEWING and not self.closing:
            return self._start(lease, now)
        if worked or self.closing:
            self._forget(lease)
        elif lease.failures < len(RETRIES):
            lease.deadline = now + RETRIES[lease.failures]
            lease.failures += 1
        else:
            lease.state = State.FAILED
            lease.deadline = None
            if len(self.failed()) > self.bound:  # kept to be shown, never at the cost of a knock
                self._forget(self.failed()[0])
        return []

    def not_started(self, number: int) -> None:
        """The start command of a lease was not run: there is nothing to stop."""
        lease = self._leases.get(number)
        if lease is not None:
            self._forget(lease)

    def due(self, now: float) -> list[Run]:
        """The stop commands whose time has come."""
        runs = []
        for lease in self._leases.values():
            if lease.deadline is not None and lease.deadline <= now:
                expired = lease.state is State.OPEN and not self.closing
                runs.append(self._stop(lease, State.STOPPING, expired=expired))
        return runs

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do, None: nothing is pending."""
        return min((x.deadline for x in self._leases.values() if x.deadline is not None), default=None)

    def close_all(self) -> list[Run]:
        """The stop commands that end every lease now; a start that still runs is stopped after it."""
        self.closing = True
        runs = []
        for lease in self._leases.values():
            if lease.state in {State.OPEN, State.FAILED} or lease.deadline is not None:
                runs.append(self._stop(lease, State.STOPPING, expired=False))
        return runs

    def __len__(self) -> int:
        return len(self._leases)

    def failed(self) -> list[Lease]:
        """Leases whose stop command has failed for good."""
        return [lease for lease in self._leases.values() if lease.state is State.FAILED]

    def _again(self, lease: Lease, knock: Knock, now: float) -> list[Run | Refused]:
        """A knock of one who has a lease already."""
        if lease.state in {State.STARTING, State.RENEWING}:
            return []
        lease.knock = knock
        lease.failures = 0
        if lease.state is State.OPEN and knock.door.reknock is Reknock.EXTEND:
            lease.deadline = now + knock.door.cmd_timeout
            return []
        if lease.state is State.STOPPING and lease.deadline is None:
            lease.state = State.RENEWING  # its stop command is running; it opens again when that has ended
            return []
        return [self._stop(lease, State.RENEWING, expired=False)]

    def _start(self, lease: Lease, now: float) -> list[Run | Refused]:
        lease.state = State.STARTING
        lease.deadline = None
        command = lease.knock.door.start_for(lease.knock.version)
        if command is None:
            return self.ended(lease.number, "start", True, now)
        return [Run("start", command, lease.knock, lease.number)]

    def _stop(self, lease: Lease, state: State, *, expired: bool) -> Run:
        lease.state = state
        lease.deadline = None
        command = lease.knock.door.stop_for(lease.knock.version)
        assert command is not None, "a lease is only made for a door with a stop command"
        return Run("stop", command, lease.knock, lease.number, expired)

    def _forget(self, lease: Lease) -> None:
        del self._leases[lease.number]
        key = (lease.knock.door, lease.knock.source)
        if self._by_knocker.get(key) == lease.number:
            del self._by_knocker[key]
