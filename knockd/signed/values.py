"""What arrives at a port of signed knocks, and what becomes of it, as values.

Pure.
"""

from __future__ import annotations

from enum import Enum

from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door
from knockd_conf.signed_packet import Verb


class Arrival(NamedTuple):
    """A packet of SIZE bytes and where it came: packed addresses, UDP port, stamp in microseconds."""

    source: bytes
    destination: bytes
    port: int
    packet: bytes
    stamp: int = 0


class Reason(Enum):
    """Why a packet does nothing, as the log has it."""

    CLOCK = "the clock of this host is not trusted"
    MINUTE = "made for a minute that is over, or has not begun"
    KEY = "of no key that may knock here, or changed on the way"
    MALFORMED = "no request that is known here"
    DOOR = "no such door at this port"
    DOORS = "its key may not use this door"
    KEY_EXPIRED = "its key has expired"
    FROM = "its key may not be used from this address"
    ACCESS = "this address may not knock at this door"
    TARGET = "sent to an address that is no Target of the door"
    DOOR_EXPIRED = "the door has expired"
    BOUND = "bound to another address"
    REPEATED = "came before"
    BEFORE_START = "made before the start, so it may have come before"
    TOO_MANY = "too many come to look at every signature"
    TOUCH = "the hardware key was not touched"
    SIGNATURE = "wrong signature"
    NOTHING_OPEN = "nothing is open that it may renew or close"


class Granted(NamedTuple):
    """A packet that counts; its nonce is noted."""

    door: Door
    verb: Verb
    key: AuthorizedKey


class Refused(NamedTuple):
    """A packet that does nothing. ``door`` and ``key`` are None where they are not known."""

    reason: Reason
    door: Door | None = None
    key: AuthorizedKey | None = None


Verdict = Granted | Refused


class KnownKey(NamedTuple):
    """A key of a file, when a knock of it counted last (seconds since the epoch), and where that came from.

    ``knocked`` is None, and ``source`` empty, where none has.
    """

    key: AuthorizedKey
    path: str
    knocked: float | None = None
    source: str = ""
