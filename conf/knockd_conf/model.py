"""The values a configuration file becomes: options, doors, steps, flag rules.

Values only: nothing here reads a file, resolves a name or knows the clock. The
meaning of each field is described in knockd.conf(5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Address

MAX_STEPS = 32
"""Longest sequence of a door, in steps (knockd 0.8 has the same limit)."""


class Protocol(IntEnum):
    """Transport protocols a step can ask for, by IANA protocol number."""

    TCP = 6
    UDP = 17

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Step:
    """One knock of a sequence: a destination port (0 to 65535) and its protocol."""

    port: int
    protocol: Protocol = Protocol.TCP

    def __str__(self) -> str:
        return f"{self.port}:{self.protocol}"


@dataclass(frozen=True, slots=True)
class FlagRule:
    """A door's TCPFlags: bits that must be set and bits that must be clear.

    Bits are those of the TCP header's flag byte (RFC 9293, section 3.1): fin 0x01,
    syn 0x02, rst 0x04, psh 0x08, ack 0x10, urg 0x20. Other bits do not matter.
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


class Reknock(Enum):
    """What a repeated knock does while the knocker's lease is open."""

    RENEW = "renew"
    EXTEND = "extend"
    REPEAT = "repeat"


class OnExit(Enum):
    """What happens to open doors when the daemon is told to end."""

    CLOSE = "close"
    KEEP = "keep"


class LogFormat(Enum):
    """How log lines are written."""

    CLASSIC = "classic"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class GuardPorts:
    """Guard_Ports: chosen by us (``auto``), or just ``ports`` (none of them: no guards)."""

    auto: bool = True
    ports: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """One section of the file: the sequence to knock and the commands to run.

    ``steps`` is empty exactly when ``one_time_file`` is set: then the live sequence
    comes from that file. Times are in seconds. A ``*_6`` command is None when the key
    is absent (the plain command serves IPv6 too) and empty when IPv6 knockers get
    nothing. ``target`` holds the destinations to watch instead of the interface's own
    addresses; empty means the interface's own.
    """

    name: str
    path: str
    line: int
    steps: tuple[Step, ...]
    one_time_file: str | None = None
    seq_timeout: float = 25.0
    flags: FlagRule | None = None
    target: tuple[IPv4Address | IPv6Address, ...] = ()
    start_command: str | None = None
    start_command_6: str | None = None
    stop_command: str | None = None
    stop_command_6: str | None = None
    cmd_timeout: float = 10.0
    reknock: Reknock = Reknock.RENEW
    command_deadline: float = 0.0
    max_commands: int = 8
    seq_cooldown: float = 0.0
    occurrence: int = 0
    """Its place among the doors of its name: name and occurrence are its identity over reloads."""
    guard_ports: GuardPorts | None = None
    """None: what ``[options]`` says."""
    inherited: tuple[tuple[str, str], ...] = ()
    """(key, template name) of every key that came from a template."""

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
    """

    use_syslog: bool = False
    log_file: str | None = None
    pid_file: str | None = None
    interface: tuple[str, ...] = ()
    latency: int = 10
    buffer: int = 2_048
    log_format: LogFormat = LogFormat.CLASSIC
    log_failures: bool = True
    max_attempts: int = 65_536
    max_leases: int = 1_024
    guard_ports: GuardPorts = GuardPorts()
    state_dir: str = "/var/lib/knockd"
    state_required: bool = False
    on_exit: OnExit = OnExit.CLOSE
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """One good configuration: what a file (and what it includes) says for one host."""

    path: str
    options: Options
    doors: tuple[Door, ...]
    host: str
    files: tuple[str, ...]
    """Every file that was read, absolute, the main one first."""
    notes: tuple[str, ...] = field(default=())
    """Things a reader of ``knockd -t`` should hear that are not errors."""
