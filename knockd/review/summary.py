"""What a review has found: the values that the terminal, the page and JSON show.

Times are seconds since the epoch. Every list is bounded; ``cut`` says what was left out.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from knockd_conf.classes import dataclass


class End(StrEnum):
    """How an opening ended, as far as the log says."""

    TIMEOUT = "timeout"
    """Its time was over and the stop command ran."""
    DOOR = "door"
    """A knock at another door undid it (``closeSSH`` of the examples of 0.8)."""
    RENEWED = "renewed"
    """The same address knocked at the same door again: it was closed and opened anew."""
    CLOSED_ANOTHER = "closed another"
    """It opened nothing: its command closed the door that ``closer`` names."""
    BY_KEY = "by key"
    """Whose key had opened it closed it (``knock --close``)."""
    BY_HAND = "by hand"
    """Somebody closed it by hand (``knockctl close``)."""
    AT_GATEWAY = "at gateway"
    """It was closed at the gateway of the fleet that ``closer`` names."""
    DAEMON = "daemon"
    """The daemon ended, and closed it or left it to the next start."""
    NOT_CLOSED = "not closed"
    """The stop command failed, or the daemon ended before it ran."""
    NOT_OPENED = "not opened"
    """The start command failed or could not be run: it never was open."""
    UNKNOWN = "unknown"
    """The log does not say: the door has no stop command, or is still open."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A door that was opened for an address. ``closed`` is None where the log does not say when.

    ``closer`` is the name of the other door or gateway that closed it, else a reason where there is one.
    """

    time: float
    door: str
    ip: str
    host: str
    end: End
    closed: float | None
    closer: str
    precision: float
    by_hand: bool = False
    """Whether nobody knocked: somebody opened it by hand (``knockctl open``)."""
    key: str = ""
    """The name of the key that opened it, or the comment of the SSH key; empty: of none."""
    fingerprint: str = ""
    """That of the SSH key whose signed knock opened it."""
    gateway: str = ""
    """The other gateway of the fleet where it was opened; empty: it was opened here."""


@dataclass(frozen=True, slots=True)
class DoorCount:
    """What happened at one door. ``addresses`` is how many different ones opened it, ``failed`` the
    attempts of anyone that did not open it, ``guards`` touches of guard ports."""

    door: str
    openings: int
    addresses: int
    failed: int
    guards: int
    last_opening: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed knock of an address that opened at another time. ``why`` is a sentence without a stop."""

    time: float
    door: str
    ip: str
    host: str
    event: str
    stage: int
    why: str
    precision: float


@dataclass(frozen=True, slots=True)
class Owner:
    """An address that opened a door and also failed; ``failures`` are its last ones, ``failed`` all."""

    ip: str
    host: str
    openings: int
    failed: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Addresses that never opened a door. ``source`` is an address, or a network (``198.51.100.0/24``)
    that stands for ``addresses`` of them."""

    source: str
    addresses: int
    attempts: int
    guards: int
    doors: tuple[str, ...]
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class CommandFailure:
    """A command that failed the same way ``count`` times at one door; ``command`` is the last one, empty
    where the log does not say. ``output`` is the last line that it printed."""

    door: str
    ip: str
    command: str
    why: str
    output: str
    count: int
    last: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """A door that could not be closed, and may still be open."""

    time: float
    door: str
    ip: str
    why: str


@dataclass(frozen=True, slots=True)
class DaemonEvent:
    """What the daemon did or complained of: start, end, reload, a packet process lost, a bad file.

    ``text`` is the line as it was. ``restart``: something restarted that nobody asked to.
    """

    time: float
    event: str
    text: str
    restart: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts in ``len(openings)`` equal parts of the period, each ``width`` seconds long, from ``start``.

    ``attempts`` are failed knocks of addresses that opened at other times, ``scans`` those of all others.
    """

    start: float
    width: float
    openings: tuple[int, ...]
    attempts: tuple[int, ...]
    scans: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """How many lines were read, by format (``classic``, ``json``, ``syslog`` ...), and were not.

    ``other`` are lines of other programs in a system log.
    """

    total: int
    blank: int
    unread: int
    by_format: Mapping[str, int]
    other: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it. ``first`` and ``last`` are the times of the first and last entry; None: there is none.

    ``hours`` has 7 rows (Monday first) of 24 openings. ``held_back`` lines and ``dropped`` packets are
    counted as the log counts them. ``notices`` say what was odd in the files: clock jumps, a cut line.
    ``cut`` says what is missing in the lists for lack of room. ``attention`` is what needs a person.
    """

    first: float | None
    last: float | None
    lines: Lines
    doors: tuple[DoorCount, ...]
    openings: tuple[Opening, ...]
    owners: tuple[Owner, ...]
    scanners: tuple[Scanner, ...]
    commands: tuple[CommandFailure, ...]
    stuck: tuple[Stuck, ...]
    daemon: tuple[DaemonEvent, ...]
    held_back: int
    dropped: int
    timeline: Timeline
    hours: tuple[tuple[int, ...], ...]
    scan_hours: tuple[tuple[int, ...], ...]
    notices: tuple[str, ...]
    cut: tuple[str, ...]
    attention: tuple[str, ...]
    totals: Mapping[str, int]
    """Exact counts of what the lists show a part of: openings, failures, scanners, commands, stuck."""
