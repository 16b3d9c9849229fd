"""A lease and what is said about it: the opening it stands for, the commands to run, its record.

Values only; what follows what is in leases.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from knockd.engine.journal import Record, State
from knockd_conf.model import Door

Verb = Literal["start", "stop"]
Key = tuple[str, int, str]
"""A door's name and occurrence, and a source."""


class Knock(NamedTuple):
    """An opening as the commands see it: who knocked at which door, where and through what."""

    door: Door
    source: str
    version: int
    destination: str
    interface: str

    @property
    def key(self) -> Key:
        """Whose lease it is."""
        return self.door.name, self.door.occurrence, self.source


@dataclass(slots=True)
class Lease:
    """One open door for one source. ``deadline`` is in seconds of the caller's clock.

    While a start command runs the deadline is provisional: what holds if its end is never heard of.
    """

    number: int
    id: str
    knock: Knock
    deadline: float
    state: State = State.STARTING
    failures: int = 0
    following: Knock | None = None
    """RENEWING: the knock that opens it again; ``knock`` is still what the stop command closes."""


class Run(NamedTuple):
    """A command to run now. ``lease`` is None for a door without a stop command."""

    verb: Verb
    command: str
    knock: Knock
    lease: int | None
    id: str = ""
    expired: bool = False
    """The lease's time is over: the log says so before the command runs."""


class Refused(NamedTuple):
    """An opening that was not granted, and why."""

    knock: Knock
    reason: str


def record_of(lease: Lease) -> Record:
    """The lease with all that its end needs."""
    knock, door = lease.knock, lease.knock.door
    return Record(
        id=lease.id,
        door=door.name,
        occurrence=door.occurrence,
        source=knock.source,
        destination=knock.destination,
        interface=knock.interface,
        state=lease.state,
        deadline=lease.deadline,
        failures=lease.failures,
        stop=door.stop_for(knock.version) or "",
        cmd_timeout=door.cmd_timeout,
        command_deadline=door.command_deadline,
        max_commands=door.max_commands,
    )


def knock_of(record: Record) -> Knock:
    """The opening of a lease whose door may not be in the configuration any more."""
    door = Door(
        record.door,
        path="",
        line=0,
        steps=(),
        stop_command=record.stop,
        cmd_timeout=record.cmd_timeout,
        command_deadline=record.command_deadline,
        max_commands=record.max_commands,
        occurrence=record.occurrence,
    )
    version = 6 if ":" in record.source else 4
    return Knock(door, record.source, version, record.destination, record.interface)
