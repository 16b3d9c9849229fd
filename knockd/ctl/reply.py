"""The daemon's answers as values, field by field, as knockd/control/interface.py describes them.

What is missing or of another type comes from a daemon of another version.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from knockd.ctl.fields import Fields
from knockd_conf.classes import NamedTuple


class Interface(NamedTuple):
    """An interface that is listened on; numbers are None until the packet process has said them."""

    name: str
    link_type: str | None
    addresses: tuple[str, ...]
    received: int | None
    dropped: int | None
    instructions: int | None
    most_executed: int | None


class Rotation(NamedTuple):
    """The keys of a door: the names of the first ones, how many there are, and when sequences change."""

    keys: tuple[str, ...]
    keys_total: int
    period: float
    seconds_left: float | None


class Signing(NamedTuple):
    """Signed knocks at a door: their port, how many keys it has, and why none opens it; None: one does."""

    port: int
    keys_total: int
    waiting: str | None


class Sharing(NamedTuple):
    """A door at a gateway of a fleet. ``waiting``: why no knock opens it while the store is not reached."""

    shared: bool
    required: bool
    waiting: str | None


class Store(NamedTuple):
    """The store of the fleet: ``problem`` says why it is not reached, ``seconds`` since when."""

    endpoint: str | None
    problem: str | None
    seconds: float
    gateways: int


class Door(NamedTuple):
    """A door of the configuration."""

    name: str
    occurrence: int
    open: int
    closes: bool
    disabled: bool
    close_when_idle: float | None
    expires: str | None
    waiting: str | None
    rotation: Rotation | None
    signed: Signing | None = None
    fleet: Sharing | None = None

    @property
    def is_shut(self) -> bool:
        """Whether no knock opens it now, as far as it is up to this gateway."""
        return self.disabled and (self.signed is None or self.signed.waiting is not None)


class Lease(NamedTuple):
    """A door that is open for an address."""

    id: str
    door: str
    address: str
    network: str | None
    state: str
    unopened: bool
    seconds_open: float | None
    seconds_left: float | None
    by: str
    destination: str
    interface: str
    failures: int
    in_use: bool

    @property
    def whom(self) -> str:
        """Who is let in: a network, or one address."""
        return self.network or self.address


class Attempt(NamedTuple):
    """A sequence that was begun."""

    address: str
    door: str
    stage: int
    steps: int
    seconds_left: float


class Journal(NamedTuple):
    """Where open doors are noted."""

    place: str
    lasts: bool
    reason: str | None


class Problem(NamedTuple):
    """What is wrong with a configuration."""

    path: str
    line: int | None
    text: str

    def __str__(self) -> str:
        """``path:line: text``; the text alone where it says so itself."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return self.text if not place or self.text.startswith(self.path) else f"{place}: {self.text}"


class Run(NamedTuple):
    """A command that would be run; ``words`` are None when a shell runs it."""

    command: str
    words: tuple[str, ...] | None
    environment: Mapping[str, str]
    user: str
    deadline: float
    obstacle: str | None


class Status(NamedTuple):
    """How the daemon is, and who is in."""

    version: str
    pid: int
    life: str
    seconds_up: float
    config: str
    config_age: float
    interfaces: tuple[Interface, ...]
    waiting: tuple[str, ...]
    deaf: tuple[str, ...]
    doors: tuple[Door, ...]
    doors_total: int
    leases: tuple[Lease, ...]
    leases_total: int
    failed_total: int
    attempts: tuple[Attempt, ...]
    attempts_total: int | None
    worker: int | None
    worker_restarts: int
    journal: Journal
    refused: tuple[Problem, ...]
    notes: tuple[str, ...]
    fleet: Store | None = None


def read_interface(found: object) -> Interface:
    """An interface. Raises UnknownReply, as all of these."""
    of = Fields(found)
    return Interface(
        of.text("name"),
        of.maybe_text("link_type"),
        of.texts("addresses"),
        of.maybe_count("received"),
        of.maybe_count("dropped"),
        of.maybe_count("instructions"),
        of.maybe_count("most_executed"),
    )


def read_door(found: object) -> Door:
    """A door."""
    of = Fields(found)
    return Door(
        of.text("name"),
        of.count("occurrence"),
        of.count("open"),
        of.flag("closes"),
        of.flag("disabled"),
        of.maybe_number("close_when_idle"),
        of.maybe_text("expires"),
        of.maybe_text("waiting"),
        of.maybe_record("rotation", read_rotation),
        of.maybe_record("signed", read_signing),
        of.maybe_record("fleet", read_sharing),
    )


def read_rotation(found: object) -> Rotation:
    """The keys of a door."""
    of = Fields(found)
    return Rotation(
        of.texts("keys"), of.count("keys_total"), of.number("period"), of.maybe_number("seconds_left")
    )


def read_signing(found: object) -> Signing:
    """Signed knocks at a door."""
    of = Fields(found)
    return Signing(of.count("port"), of.count("keys_total"), of.maybe_text("waiting"))


def read_sharing(found: object) -> Sharing:
    """A door at a gateway of a fleet."""
    of = Fields(found)
    return Sharing(of.flag("shared"), of.flag("required"), of.maybe_text("waiting"))


def read_store(found: object) -> Store:
    """The store of the fleet."""
    of = Fields(found)
    return Store(
        of.maybe_text("endpoint"), of.maybe_text("problem"), of.number("seconds"), of.count("gateways")
    )


def read_lease(found: object) -> Lease:
    """A lease."""
    of = Fields(found)
    return Lease(
        of.text("id"),
        of.text("door"),
        of.text("address"),
        of.maybe_text("network"),
        of.text("state"),
        of.flag("unopened"),
        of.maybe_number("seconds_open"),
        of.maybe_number("seconds_left"),
        of.text("by"),
        of.text("destination"),
        of.text("interface"),
        of.count("failures"),
        of.flag("in_use"),
    )


def read_attempt(found: object) -> Attempt:
    """An attempt."""
    of = Fields(found)
    return Attempt(
        of.text("address"), of.text("door"), of.count("stage"), of.count("steps"), of.number("seconds_left")
    )


def read_journal(found: object) -> Journal:
    """The journal."""
    of = Fields(found)
    return Journal(of.text("place"), of.flag("lasts"), of.maybe_text("reason"))


def read_problem(found: object) -> Problem:
    """A problem."""
    of = Fields(found)
    return Problem(of.text("path"), of.maybe_count("line"), of.text("text"))


def read_run(found: object) -> Run:
    """A command."""
    of = Fields(found)
    return Run(
        of.text("command"),
        of.maybe_texts("words"),
        of.table("environment"),
        of.text("user"),
        of.number("deadline"),
        of.maybe_text("obstacle"),
    )


def read_status(found: object) -> Status:
    """The answer to Status."""
    of = Fields(found)
    return Status(
        of.text("version"),
        of.count("pid"),
        of.text("life"),
        of.number("seconds_up"),
        of.text("config"),
        of.number("config_age"),
        of.items("interfaces", read_interface),
        of.texts("waiting"),
        of.texts("deaf"),
        of.items("doors", read_door),
        of.count("doors_total"),
        of.items("leases", read_lease),
        of.count("leases_total"),
        of.count("failed_total"),
        of.items("attempts", read_attempt),
        of.maybe_count("attempts_total"),
        of.maybe_count("worker"),
        of.count("worker_restarts"),
        of.record("journal", read_journal),
        of.items("refused", read_problem),
        of.texts("notes"),
        of.maybe_record("fleet", read_store),
    )
