"""Packets of signed knocks for who looks at no signature: sealed, with a body that means nothing."""

from __future__ import annotations

from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd_conf.signed_packet import UNBOUND, MinuteKeys, Request, Verb, derive_minute, pack_bound

SECRET = bytes(range(32))
PORT = 47_811
MINUTE = 29_400_000


def public(key: int) -> bytes:
    """The public key of that number."""
    return key.to_bytes(32, "big")


def keys_of(minute: int) -> MinuteKeys:
    """What is derived for a minute."""
    return MinuteKeys(minute, derive_minute(SECRET, minute))


def live(minute: int, *keys: int) -> SignedMinute:
    """A live minute in which these keys may sign."""
    derived = keys_of(minute)
    return SignedMinute(minute, derived.key, derived.tag, tuple(derived.hint_of(public(key)) for key in keys))


def watching(*keys: int, now: int = MINUTE, port: int = PORT) -> SignedWatch:
    """What is watched at one port in a minute, where these keys may sign."""
    return SignedWatch((SignedPort(port),), tuple(live(now + near, *keys) for near in (-1, 0, 1)))


def sealed(number: int, *, key: int = 1, minute: int = MINUTE, bound: bytes = b"") -> bytes:
    """A packet of a key, bound to a packed address if one is given; another number makes another nonce."""
    address = pack_bound(bound) if bound else UNBOUND
    request = Request(Verb.OPEN, int(bool(bound)), bytes(8), 0, 0, 0, address, bytes(64))
    return keys_of(minute).seal(public(key), number.to_bytes(16, "big"), request)
