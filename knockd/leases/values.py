"""What the table of leases is made of: openings, leases and their records, events and commands.

What follows from which event is in table.py, what becomes of records of earlier runs in earlier_runs.py.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from math import inf
from typing import Any, Literal

from knockd.leases.journal import Record, State
from knockd_conf.access import network_of
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.model import Door, Reknock

Verb = Literal["start", "stop"]
Key = tuple[str, int, str]
"""A door's name and occurrence, and the source or the network for which it opens."""

RUNNING = frozenset({State.STARTING, State.RENEWING, State.STOPPING, State.LEFTOVER})
"""States of leases whose start or stop command runs, or waits to."""


BY_HAND = "it is closed by hand"


class Knock(NamedTuple):
    """An opening as the commands see it: who knocked at which door, where and through what."""

    door: Door
    source: str
    version: int
    destination: str
    interface: str
    by: str = ""
    """How it was opened, in words; empty: by a knock."""

    @property
    def key(self) -> Key:
        """Whose lease it is."""
        return self.door.name, self.door.occurrence, self.network

    @property
    def prefix(self) -> int | None:
        """The bits of the network for which the door opens, None where it opens for the address."""
        return None if self.door.open_prefix is None else self.door.open_prefix[self.version == 6]

    @property
    def network(self) -> str:
        """For whom the door opens: the network of Open_Prefix, or the address."""
        if self.prefix is None:
            return self.source
        return str(network_of(ip_address(self.source).packed, self.prefix))

    def is_for(self, address: str) -> bool:
        """Whether an address, as we print it, is one for which the door opens."""
        if address == self.source or self.prefix is None:
            return address == self.source
        packed = ip_address(address).packed
        return (
            len(packed) == (4, 16)[self.version == 6] and str(network_of(packed, self.prefix)) == self.network
        )


_STATES = {
    State.STARTING: "its start command has not ended yet",
    State.RENEWING: "its stop command runs, and then its start command",
    State.STOPPING: "its stop command runs",
    State.RETRYING: "its stop command has failed and is tried again",
    State.FAILED: "its stop command has failed",
    State.LEFTOVER: "its stop command runs, for the boot before this one",
}


@dataclass(slots=True)
class Lease:
    """One open door for one source. ``deadline`` is in seconds of the caller's clock.

    While a start command runs the deadline is provisional: it holds if nobody hears of the command's end.
    """

    id: str
    """Unique over all runs of the daemon."""
    knock: Knock
    deadline: float
    state: State = State.STARTING
    failures: int = 0
    """How often its stop command has failed since it opened."""
    unopened: bool = False
    """Its start command failed: what that did by halves is undone, but it is not counted as open."""
    following: Knock | None = None
    """RENEWING: the knock that opens the door again; ``knock`` is still what the stop command closes."""
    opened: float = 0.0
    """When its start command ended well; 0: it has not, or nobody knows."""
    closing: bool = False
    """It is closed by hand; one that is STARTING as soon as its start command has ended."""
    due: float = 0.0
    """When it closes for all that is known; ``deadline`` is later while it is ``asked``."""
    asked: bool = False
    """Its time is over, and it stays open until somebody has looked for connections."""
    look_at: float = inf
    """When its connections are looked for next; never for most doors, and while it is done."""
    in_use: bool = False
    """The last look has found a connection of the knocker to the door's ports."""
    held: bool = False
    """It was given more time for a connection, and the log has heard of it."""

    @property
    def stop_command(self) -> str:
        """What closes the door, before its placeholders are replaced."""
        command = self.knock.door.stop_for(self.knock.version)
        assert command is not None, "a lease is only made for a door with a stop command"
        return command

    def may_extend(self, door: Door) -> bool:
        """Whether a knock at ``door`` only gives more time."""
        return door.reknock is Reknock.EXTEND and self.find_why_not_open() is None

    @property
    def opener(self) -> Knock:
        """The knock that has opened it, or opens it again."""
        return self.following or self.knock

    @property
    def may_renew(self) -> bool:
        """Whether it is open, or will be when its commands have ended."""
        is_open = self.state in {State.STARTING, State.OPEN, State.RENEWING}
        return is_open and not self.closing and not self.unopened

    @property
    def may_close(self) -> bool:
        """Whether it does not close anyway as soon as it can."""
        return not self.closing and self.state not in {State.STOPPING, State.LEFTOVER}

    def find_why_not_open(self) -> str | None:
        """Why it is not simply open, so that no time can be added; None: it is."""
        if self.state is State.OPEN:
            if self.closing:
                return "it is being closed"
            return "its start command failed" if self.unopened else None
        return _STATES[self.state]

    def find_why_kept(self) -> str | None:
        """Why it cannot be given up; None: it can, since its stop command has failed."""
        if self.state in {State.RETRYING, State.FAILED}:
            return None
        return _STATES.get(self.state, "it is open, and is closed in its time")


# Events: what the table is given.


class Knocked(NamedTuple):
    """A knock is complete."""

    knock: Knock


class Ended(NamedTuple):
    """The command of a lease has ended.

    ``worked`` is False too when a stop command could not be run, and None when nobody knows: it was a command
    of an earlier run.
    """

    lease: str
    verb: Verb
    worked: bool | None


class NotStarted(NamedTuple):
    """The start command of a lease was not run, and will not be."""

    lease: str


class Tick(NamedTuple):
    """Time has passed."""


class Recovered(NamedTuple):
    """Leases that an earlier run has left. ``running``: by lease, the command that still runs."""

    records: tuple[Record, ...]
    same_boot: bool
    running: Mapping[str, Verb]


class Renewed(NamedTuple):
    """Somebody wants more time for what is open, and nothing opened."""

    knock: Knock


class Close(NamedTuple):
    """Somebody closes these leases; ``why``: why a knock is refused that would have opened one again."""

    leases: tuple[str, ...]
    why: str = BY_HAND


class Extend(NamedTuple):
    """Somebody gives a lease more time, in seconds."""

    lease: str
    seconds: float


class GiveUp(NamedTuple):
    """Somebody gives a lease up that could not be closed."""

    lease: str


class Looked(NamedTuple):
    """Connections of these leases were looked for; those that are ``in_use`` have one.

    ``failed``: it could not be done, and nothing is known.
    """

    leases: tuple[str, ...]
    in_use: frozenset[str]
    failed: bool = False


class CloseAll(NamedTuple):
    """The daemon ends and closes every door."""


class KeepAll(NamedTuple):
    """The daemon ends and leaves every door to the next run."""


Event = (
    Knocked
    | Renewed
    | Ended
    | NotStarted
    | Tick
    | Recovered
    | Close
    | Extend
    | GiveUp
    | Looked
    | CloseAll
    | KeepAll
)


# Commands: what the table asks for, in this order.


class Note(NamedTuple):
    """The journal is to hold this record. A ``Start`` behind it in the list waits until it is written."""

    record: Record


class Forget(NamedTuple):
    """The journal is to hold this lease no longer."""

    lease: str


class Start(NamedTuple):
    """Run a start command. ``lease`` is None for a door without a stop command."""

    command: str
    knock: Knock
    lease: str | None = None


class Stop(NamedTuple):
    """Run a stop command, written or not. ``expired``: the log says first that the time is over."""

    command: str
    knock: Knock
    lease: str
    expired: bool = False


class Granted(NamedTuple):
    """An opening is granted, and there is no start command to be waited for."""

    knock: Knock


class Refuse(NamedTuple):
    """An opening is not granted; the log says why."""

    knock: Knock
    reason: str


class Log(NamedTuple):
    """Log an event of the catalogue."""

    event: str
    fields: Mapping[str, object]


Command = Note | Forget | Start | Stop | Granted | Refuse | Log


def log_of(record: Record, event: str, **fields: object) -> Log:
    """An event of the log about a lease."""
    return Log(event, {"ip": record.source, "door": record.door, **fields})


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
        stop=lease.stop_command,
        cmd_timeout=door.cmd_timeout,
        command_deadline=door.command_deadline,
        max_commands=door.max_commands,
        unopened=lease.unopened,
        by=knock.by,
        opened=lease.opened,
        prefix=knock.prefix or 0,
        **(_idle_of(door) if door.close_when_idle else {}),
    )


def _idle_of(door: Door) -> dict[str, Any]:
    """What a record holds of a door that closes when it is idle."""
    services = ",".join(map(str, door.service))
    return {"idle": door.close_when_idle, "service": services, "open_max": door.open_max}
