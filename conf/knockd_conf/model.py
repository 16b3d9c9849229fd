"""The values a configuration file becomes: options, doors, steps, flag rules.

Values only: nothing here reads a file, resolves a name or knows the clock. The
meaning of each field is described in knockd.conf(5).

Pure.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from knockd_conf.access import Access, Networks
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.errors import Note, Place
from knockd_conf.protocol import FLAG_BITS, Protocol

MAX_STEPS = 32
"""Longest sequence of a door, in steps (knockd 0.8 has the same limit)."""

SEQ_TIMEOUT = 25.0
"""Seconds that a knock may take where a door does not say (knockd 0.8)."""

Places = tuple[tuple[str, Place], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One knock of a sequence: a destination port (0 to 65535) and its protocol."""

    port: int
    protocol: Protocol = Protocol.TCP

    def __str__(self) -> str:
        return f"{self.port}:{self.protocol}"


class Service(NamedTuple):
    """Ports of a protocol, 1 to 65535, from the first to the last: connections to them are in use."""

    low: int
    high: int
    protocol: Protocol

    def __str__(self) -> str:
        ports = str(self.low) if self.low == self.high else f"{self.low}-{self.high}"
        return f"{ports}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class FlagRule:
    """A door's TCPFlags: bits that must be set and bits that must be clear.

    Bits are those of FLAG_BITS; other bits of the flag byte do not matter.
    """

    must_set: int
    must_clear: int

    @property
    def mask(self) -> int:
        """The bits that the rule looks at."""
        return self.must_set | self.must_clear

    def accepts(self, flags: int) -> bool:
        """Whether a TCP flag byte satisfies the rule."""
        return flags & self.mask == self.must_set

    @property
    def fit_clients(self) -> bool:
        """Whether an ordinary client sends such packets: bare SYNs."""
        return self.accepts(FLAG_BITS["syn"])


class Reknock(Enum):
    """What a repeated knock does while the knocker's lease is open."""

    RENEW = "renew"
    EXTEND = "extend"
    REPEAT = "repeat"


class OnExit(Enum):
    """What happens to open doors when the daemon ends."""

    CLOSE = "close"
    KEEP = "keep"


class ClockTrust(Enum):
    """When knocks with a key count: while the kernel says that the clock is synchronised, or always."""

    SYNCHRONISED = "synchronised"
    TRUST = "trust"


class Reader(Enum):
    """Who reads packets: libpcap through pcapy-ng, knockd itself, or libpcap where pcapy-ng is installed."""

    AUTO = "auto"
    PCAPY = "pcapy"
    SOCKET = "socket"


class LogFormat(Enum):
    """How log lines are written."""

    CLASSIC = "classic"
    JSON = "json"


class CommandOutput(Enum):
    """Where commands write: to the log, to where the daemon's own streams go, or nowhere."""

    LOG = "log"
    INHERIT = "inherit"
    NONE = "none"


class FleetKind(Enum):
    """What the URLs of a store name: servers of one replicated set, sentinels of one, nodes of a cluster."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class FleetEndpoint(NamedTuple):
    """A server of the store that the gateways of a fleet share.

    ``host``: a name or an address, without brackets. ``user`` is empty where there is none, and
    ``service``, the name that sentinels have for the set, where there are no sentinels.
    """

    kind: FleetKind
    tls: bool
    host: str
    port: int
    user: str = ""
    database: int = 0
    service: str = ""

    def __str__(self) -> str:
        kind = "" if self.kind is FleetKind.SINGLE else f"{self.kind.value}+"
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        service = f"/{self.service}" if self.service else ""
        database = f"/{self.database}" if self.database else ""
        return f"{kind}valkey{'s' * self.tls}://{user}{host}:{self.port}{service}{database}"


@dataclass(frozen=True, slots=True)
class GuardPorts:
    """Guard_Ports: chosen by us (``auto``), or just ``ports`` (none of them: no guards)."""

    auto: bool = True
    ports: tuple[Step, ...] = ()


class CommandFacts(NamedTuple):
    """What is certain of a command, whoever knocks; judged where the configuration is read."""

    version: int | None = None
    """The IP version of the only knockers for whom it can work; None: it may serve both."""
    programs: tuple[str, ...] = ()
    """It does nothing of weight where none of these is to be had; empty: that is not known."""


@dataclass(frozen=True, slots=True)
class Door:
    """One section of the file: the sequence to knock and the commands to run.

    ``steps`` is empty when ``one_time_file`` or ``sequence_key`` is set: then live sequences come from that
    file, or are made of the keys in it. It is empty, too, where signed knocks alone open the door. Times
    are in seconds. A ``*_6`` command is None when the key is absent (the plain command serves IPv6 too)
    and empty when IPv6 knockers get nothing. ``target`` holds the destinations to watch instead of the
    interface's own addresses; empty
    means the interface's own.
    """

    name: str
    path: str
    line: int
    steps: tuple[Step, ...]
    one_time_file: str | None = None
    seq_timeout: float = SEQ_TIMEOUT
    flags: FlagRule | None = None
    target: tuple[IPv4Address | IPv6Address, ...] = ()
    start_command: str | None = None
    start_command_6: str | None = None
    stop_command: str | None = None
    stop_command_6: str | None = None
    cmd_timeout: float = 10.0
    close_when_idle: float = 0.0
    """Seconds without a connection to ``service`` after which the stop command runs; 0: off."""
    service: tuple[Service, ...] = ()
    """Empty only where ``close_when_idle`` is 0."""
    open_max: float = 86_400.0
    reknock: Reknock = Reknock.RENEW
    command_deadline: float = 0.0
    max_commands: int = 8
    seq_cooldown: float = 0.0
    sequence_key: str | None = None
    sequence_steps: int = 4
    sequence_period: int = 30
    sequence_ports: tuple[int, int] = (20_000, 60_000)
    """The lowest and the highest port of rotating sequences."""
    sequence_protocol: str = "tcp"
    signed_port: int | None = None
    """The UDP port of signed knocks; 0: none. None: what ``[options]`` says, which ``load`` puts here."""
    authorized_keys: str | None = None
    """The file of the keys that may sign for it; None: that of ``[options]``, which ``load`` puts here."""
    fleet_required: bool | None = None
    """Whether nothing opens while the store does not answer; None: ``load`` puts here what follows."""
    fleet_share: bool | None = None
    """Whether the other gateways open too; None: what ``[options]`` says, which ``load`` puts here."""
    occurrence: int = 0
    """How many doors of its name come before it: name and occurrence identify it over reloads."""
    guard_ports: GuardPorts | None = None
    """None: what ``[options]`` says."""
    command_output: CommandOutput | None = None
    """None: what ``[options]`` says."""
    allow: Networks | None = None
    """None: what ``[options]`` says; empty: everybody."""
    deny: Networks = ()
    """Besides those of ``[options]``."""
    access: Access | None = None
    """Who may knock, of Allow and Deny of the door and of ``[options]``; None: everybody."""
    open_prefix: tuple[int, int] | None = None
    """Bits of the knocker's network over IPv4 and over IPv6, for which it opens; None: for the address."""
    expires: str = ""
    """The last day (YYYY-MM-DD, this host's) on which a knock opens it; empty: there is none."""
    inherited: tuple[tuple[str, str], ...] = ()
    """(key, template name) of every key that came from a template."""
    places: Places = field(default=(), compare=False, repr=False)
    """Where each key was written, by the field it fills; empty in the daemon."""
    facts: tuple[CommandFacts, ...] = ()
    """What is certain of each of ``commands()``, in their order; empty: nothing."""

    @property
    def is_signed(self) -> bool:
        """Whether signed knocks open it."""
        return bool(self.signed_port)

    @property
    def is_signed_alone(self) -> bool:
        """Whether signed knocks open it, and no sequence does."""
        return self.is_signed and not self.steps and self.one_time_file is None and self.sequence_key is None

    def has_expired(self, today: str) -> bool:
        """Whether its last day is over on a day (YYYY-MM-DD)."""
        return bool(self.expires) and today > self.expires

    def place(self, name: str | None = None) -> Place:
        """Where the field ``name`` was written; without it, or where it was not, the section's place."""
        return dict(self.places).get(name or "", Place(self.path, self.line, f"[{self.name}]"))

    def note(self, name: str | None, message: str) -> Note:
        """A note about the field ``name``, or about the door."""
        return Note(*self.place(name), message)

    def commands(self) -> tuple[str, ...]:
        """Every command of the door, for whatever knocker."""
        found = (self.start_command, self.start_command_6, self.stop_command, self.stop_command_6)
        return tuple(command for command in found if command)

    def facts_of(self, command: str) -> CommandFacts:
        """What is certain of one of the door's commands."""
        return dict(zip(self.commands(), self.facts, strict=False)).get(command, CommandFacts())

    def start_for(self, version: int) -> str | None:
        """The start command for a knocker of IP ``version`` (4 or 6), None for none."""
        return _pick(self.start_command, self.start_command_6, version)

    def stop_for(self, version: int) -> str | None:
        """The stop command for a knocker of IP ``version`` (4 or 6), None for none."""
        return _pick(self.stop_command, self.stop_command_6, version)


def _pick(plain: str | None, six: str | None, version: int) -> str | None:
    chosen = six if version == 6 and six is not None else plain
    return chosen or None


@dataclass(frozen=True, slots=True)
class Options:
    """The ``[options]`` section. ``interface`` holds names, or ``("auto",)`` or ``("any",)``.

    ``interface`` is empty when the file names none. ``latency`` is in milliseconds, ``buffer`` in KiB.
    ``control_socket`` is empty when there is to be none.
    """

    use_syslog: bool = False
    log_file: str | None = None
    pid_file: str | None = None
    interface: tuple[str, ...] = ()
    latency: int = 10
    buffer: int = 2_048
    capture: Reader = Reader.AUTO
    log_format: LogFormat = LogFormat.CLASSIC
    log_failures: bool = True
    max_attempts: int = 65_536
    max_leases: int = 1_024
    guard_ports: GuardPorts = GuardPorts()
    command_output: CommandOutput = CommandOutput.LOG
    state_dir: str = "/var/lib/knockd"
    state_required: bool = False
    last_good: bool = True
    on_exit: OnExit = OnExit.CLOSE
    exit_patience: float = 20.0
    user: str | None = None
    control_socket: str = "/run/knockd/knockd.sock"
    clock: ClockTrust = ClockTrust.SYNCHRONISED
    signed_port: int | None = None
    """The UDP port of signed knocks at doors that name none."""
    authorized_keys: str | None = None
    knock_secret: str | None = None
    """The file with this host's knock secret; set where a door has a signed port."""
    fleet: tuple[FleetEndpoint, ...] = ()
    """Servers of the store that the gateways share, all of one kind; empty: there is none."""
    fleet_name: str = "knockd"
    fleet_key: str | None = None
    """The file with the secret that the gateways share; set where there is a store."""
    fleet_password: str | None = None
    """The file whose first line is the password for the store."""
    fleet_ca: str | None = None
    """The file of the certificates by which the store's are judged; None: the system's."""
    fleet_replicas: int = 0
    """Replicas of the store that a used knock is on before it opens."""
    fleet_required: bool | None = None
    """None: for doors with one-time or rotating sequences or signed knocks."""
    fleet_share: bool = False
    allow: Networks = ()
    """Empty: everybody."""
    deny: Networks = ()


@dataclass(frozen=True, slots=True)
class Config:
    """One good configuration: what a file (and what it includes) says for one host."""

    path: str
    options: Options
    doors: tuple[Door, ...]
    host: str
    files: tuple[str, ...]
    """Every file that was read, absolute, the main one first."""
    insecure: bool = False
    """Whether files are taken whoever can change them (--allow-insecure-config)."""
    notes: tuple[Note, ...] = field(default=())
    """What is allowed and may surprise."""
    places: Places = field(default=(), compare=False, repr=False)
    """Where each key of ``options`` was written, by the field it fills; empty in the daemon."""
    texts: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    """What ``files`` hold; empty in the daemon."""

    def note(self, name: str | None, message: str) -> Note:
        """A note about the field ``name`` of the options, or about the configuration."""
        return Note(*dict(self.places).get(name or "", Place(self.path)), message)
