"""What becomes of a packet at a port of signed knocks. The first row that is true says it.

| what is looked at | the packet is refused as |
|---|---|
| the clock is not trusted | CLOCK |
| its tag is that of no live minute | MINUTE |
| its hint is that of no key | KEY |
| the request is none of version 1 | MALFORMED |
| no door of its name has the port | DOOR |
| the key is not in the door's file, or not for the door | DOORS |
| it says to be of a hardware key, and the key is none | MALFORMED |
| the key has expired | KEY_EXPIRED |
| the key's from= keeps the source out | FROM |
| the door's Allow and Deny keep the source out | ACCESS |
| it came to another address than the door's Target | TARGET |
| the door's last day is over | DOOR_EXPIRED |
| it is bound to another address than the source | BOUND |
| a packet of the key with its nonce has counted | REPEATED |
| packets of its minute may have counted before the start | BEFORE_START |
| it is of a hardware key that nobody has touched | TOUCH |
| too many signatures are looked at | TOO_MANY |
| the signature is wrong | SIGNATURE |
| none of these | granted |

Each row costs microseconds, but for the last one: a hundred. To look the key up costs the same, however many
keys there are.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from knockd.signed.known_keys import KnownKey, KnownKeys, has_expired, may_use
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.classes import NamedTuple
from knockd_conf.hashes import hash_sha256
from knockd_conf.model import Door
from knockd_conf.signed_packet import (
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    message_of,
    nonce_of,
    pack_bound,
)
from knockd_conf.signed_sizes import TAG

TOUCHED: Final = 0x01
"""Flag of a hardware key: somebody was there (PROTOCOL.u2f)."""


class LiveMinute(NamedTuple):
    """A minute that is live. ``publics`` has public keys by their hints."""

    keys: MinuteKeys
    publics: Mapping[bytes, bytes]


class Ground(NamedTuple):
    """What packets are judged by at a moment.

    ``now`` is in seconds since the epoch, None while the clock is not trusted; ``doors`` are by port and
    selector.
    """

    now: float | None
    host: bytes
    minutes: Sequence[LiveMinute]
    doors: Mapping[tuple[int, bytes], Door]
    keys: KnownKeys


class Ask(NamedTuple):
    """Who knows what has been before.

    ``has_counted``: a packet of that minute, key and nonce; ``may_have_counted``: packets of that minute,
    before the start. ``take``: whether another signature of that source may be looked at. ``is_right``:
    whether it is that of a public key over bytes. ``is_past``: whether a door's last day is over at a time.
    """

    has_counted: Callable[[int, bytes, bytes], bool]
    may_have_counted: Callable[[int], bool]
    take: Callable[[bytes], bool]
    is_right: Callable[[bytes, bytes, bytes], bool]
    is_past: Callable[[Door, float], bool]


class Case(NamedTuple):
    """A packet of a key for a door."""

    arrival: Arrival
    now: float
    host: bytes
    minute: int
    request: Request
    door: Door
    known: KnownKey
    ask: Ask

    @property
    def key(self) -> AuthorizedKey:
        """The key of the door's file."""
        return self.known.key


class Ruling(NamedTuple):
    """What becomes of a packet, and the minute that it was made for, as far as that is known."""

    verdict: Verdict
    minute: int = 0


def judge_packet(arrival: Arrival, ground: Ground, ask: Ask) -> Ruling:
    """What becomes of a packet."""
    if ground.now is None:
        return Ruling(Refused(Reason.CLOCK))
    tagged = [one for one in ground.minutes if one.keys.tag == arrival.packet[:TAG]]
    if not tagged:
        return Ruling(Refused(Reason.MINUTE))
    for minute in tagged:  # two minutes have one tag once in 4 billion
        public = minute.publics.get(minute.keys.unmask_hint(arrival.packet))
        if public is not None:
            return Ruling(
                _judge_key(arrival, ground, ground.now, minute.keys, public, ask), minute.keys.minute
            )
    return Ruling(Refused(Reason.KEY))


def _judge_key(
    arrival: Arrival, ground: Ground, now: float, minute: MinuteKeys, public: bytes, ask: Ask
) -> Verdict:
    request = minute.unmask(arrival.packet)
    claimed = ground.keys.find(public, None)
    anywhere = None if claimed is None else claimed.key
    if not request.is_regular:
        return Refused(Reason.MALFORMED, key=anywhere)
    door = ground.doors.get((arrival.port, request.selector))
    if door is None:
        return Refused(Reason.DOOR, key=anywhere)
    known = ground.keys.find(public, door.authorized_keys)
    if known is None:
        return Refused(Reason.DOORS, door, anywhere)
    case = Case(arrival, now, ground.host, minute.minute, request, door, known, ask)
    for refuses, reason in _ROWS:
        if refuses(case):
            return Refused(reason, door, known.key)
    return Granted(door, Verb(request.verb), known.key)


def _is_no_hardware(case: Case) -> bool:
    return case.key.application is None and bool(case.request.sk_flags or case.request.sk_counter)


def _is_kept_from_key(case: Case) -> bool:
    return case.known.access is not None and not case.known.access.admits(case.arrival.source)


def _is_kept_from_door(case: Case) -> bool:
    return case.door.access is not None and not case.door.access.admits(case.arrival.source)


def _is_elsewhere(case: Case) -> bool:
    target = case.door.target
    return bool(target) and case.arrival.destination not in {address.packed for address in target}


def _is_bound_elsewhere(case: Case) -> bool:
    return case.request.address not in (UNBOUND, pack_bound(case.arrival.source))


def _is_used(case: Case) -> bool:
    return case.ask.has_counted(case.minute, case.key.public, nonce_of(case.arrival.packet))


def _is_untouched(case: Case) -> bool:
    return case.key.application is not None and not case.request.sk_flags & TOUCHED


def _is_wrong(case: Case) -> bool:
    return not case.ask.is_right(case.key.public, _find_signed(case), case.request.signature)


def _find_signed(case: Case) -> bytes:
    """What the key has signed, if the packet is right."""
    request, nonce = case.request, nonce_of(case.arrival.packet)
    blob = blob_of(message_of(case.host, case.minute, nonce, request, case.door.name))
    if case.key.application is None:
        return blob
    made = bytes((request.sk_flags,)) + request.sk_counter.to_bytes(4, "big")
    return hash_sha256(case.key.application.encode()) + made + hash_sha256(blob)


_ROWS: Final[tuple[tuple[Callable[[Case], bool], Reason], ...]] = (
    (lambda case: not may_use(case.key, case.door), Reason.DOORS),
    (_is_no_hardware, Reason.MALFORMED),
    (lambda case: has_expired(case.key, case.now), Reason.KEY_EXPIRED),
    (_is_kept_from_key, Reason.FROM),
    (_is_kept_from_door, Reason.ACCESS),
    (_is_elsewhere, Reason.TARGET),
    (lambda case: case.ask.is_past(case.door, case.now), Reason.DOOR_EXPIRED),
    (_is_bound_elsewhere, Reason.BOUND),
    (_is_used, Reason.REPEATED),
    (lambda case: case.ask.may_have_counted(case.minute), Reason.BEFORE_START),
    (_is_untouched, Reason.TOUCH),
    (lambda case: not case.ask.take(case.arrival.source), Reason.TOO_MANY),
    (_is_wrong, Reason.SIGNATURE),
)
"""The rows from DOORS on."""
