"""What the matcher has to say about a packet or about time passing.

``door`` is the door's place in the configuration, ``source`` a packed address (4 or 16
bytes), ``stage`` the number of steps done (1 to 32).

Pure.
"""

from __future__ import annotations

from enum import IntEnum

from knockd_conf.classes import NamedTuple


class Stage(NamedTuple):
    """An attempt reached a stage."""

    door: int
    source: bytes
    stage: int


class Opened(NamedTuple):
    """The last step came: the door opens for the source.

    ``destination`` is the address it knocked at, ``stage`` the number of steps of the door, ``serial`` that
    of the live sequence.
    """

    door: int
    source: bytes
    destination: bytes
    stage: int
    serial: int = 0


class Stale(NamedTuple):
    """A source knocked a whole sequence that opens nothing.

    Its time is over, or has not come, or it has been used.
    """

    door: int
    source: bytes
    serial: int


class Spoiled(NamedTuple):
    """A packet for a step of the same door that was not due yet ended an attempt."""

    door: int
    source: bytes
    stage: int


class Expired(NamedTuple):
    """An attempt grew older than the door's Seq_Timeout."""

    door: int
    source: bytes
    stage: int


class Guarded(NamedTuple):
    """A source touched a guard port: its attempt is dropped and it is ignored at the door for a while."""

    door: int
    source: bytes
    stage: int
    port: int


class Ignored(NamedTuple):
    """A source that a door ignores began a knock at it.

    It is ignored for ``left`` more seconds, rounded up: ``opened`` says for an opening, else for a guard port
    that it touched.
    """

    door: int
    source: bytes
    opened: bool
    left: int


class Attempt(NamedTuple):
    """What is remembered of a source at a watch, for the packet process that takes over.

    ``watch`` is the hash of what the attempt depends on (``Watch.attempts_at``): packet processes are forks
    of one process, so theirs are the same. ``stage`` 0: the source is ignored. ``since`` is in seconds of
    the steady clock.
    """

    watch: int
    source: bytes
    stage: int
    since: float


class Underway(NamedTuple):
    """An attempt that is under way, and the seconds until it ends, rounded up."""

    door: int
    source: bytes
    stage: int
    left: int


class SignedPacket(NamedTuple):
    """A packet to a port of signed knocks that may be one, of the key with that place in ``hints``.

    ``port`` has its protocol's number in front of it.
    """

    source: bytes
    destination: bytes
    port: int
    packet: bytes
    key: int


class Why(IntEnum):
    """Why a packet to a port of signed knocks is not worth a look at its signature."""

    UNKNOWN_KEY = 1
    REPEATED = 2
    TOO_MANY = 3


class Discarded(NamedTuple):
    """A packet to a port of signed knocks is not worth a look at its signature."""

    source: bytes
    port: int
    why: int


SignedEvent = SignedPacket | Discarded

Event = Stage | Opened | Spoiled | Expired | Guarded | Ignored | Stale
