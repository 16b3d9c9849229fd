"""The packet of a signed knock, made and read: docs/spec/signed-knock.md, version 1.

| offset | bytes | what |
|---|---|---|
| 0 | 4 | tag of the minute, which the kernel compares |
| 4 | 8 | key hint, masked by a keyed hash of all that follows |
| 12 | 16 | nonce |
| 28 | 96 | masked: request (16), bound address (16), signature (64) |

Whoever lacks the host's knock secret can neither read a packet nor change one bit of it and have it taken for
a packet of a known key. The client imports this file.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.hashes import KeyedHash, hash_sha256, hash_sha512
from knockd_conf.signed_sizes import ADDRESS, HINT, NONCE, REQUEST, TAG

VERSION: Final = b"signed-knock-1"
NAMESPACE: Final = "signed-knock-1@knockd"
"""Namespace of the signature (PROTOCOL.sshsig): no signature made for anything else is one of a knock."""

SECRET_BYTES: Final = 32
MINUTE: Final = 60
"""Seconds of a minute: its number is the time since the epoch divided by this."""

LAST_MINUTE: Final = (1 << 53) - 1
"""The highest number of a minute: the largest whole number that all languages keep exactly (RFC 8259, 6)."""

_HINT_AT: Final = TAG
_NONCE_AT: Final = _HINT_AT + HINT
_BODY_AT: Final = _NONCE_AT + NONCE
_SELECTOR: Final = 8
_SIGNED: Final = 2 + _SELECTOR
"""Bytes of the request that are signed; the others are made by a hardware key while it signs."""

UNBOUND: Final = bytes(ADDRESS)
_MAPPED: Final = bytes(10) + b"\xff\xff"
"""In front of an IPv4 address (RFC 4291, section 2.5.5.2)."""


class Verb(IntEnum):
    """What a knock asks for."""

    OPEN = 1
    RENEW = 2
    CLOSE = 3


class Request(NamedTuple):
    """What a packet says once it is unmasked.

    ``selector`` stands for the door's name. ``address`` has 16 bytes, or is UNBOUND; ``sk_flags`` and
    ``sk_counter`` are those of a hardware key, 0 for other keys.
    """

    verb: int
    bound: int
    selector: bytes
    sk_flags: int
    sk_counter: int
    reserved: int
    address: bytes
    signature: bytes

    @property
    def is_regular(self) -> bool:
        """Whether version 1 has such a request."""
        bound = self.bound == 1 and self.address != UNBOUND
        unbound = self.bound == 0 and self.address == UNBOUND
        return self.verb in list(Verb) and (bound or unbound) and self.reserved == 0


class MinuteKeys:
    """What is derived of the knock secret for one minute."""

    __slots__ = ("_keyed", "_pads", "key", "minute", "tag")

    def __init__(self, minute: int, key: bytes) -> None:
        """``key`` is what ``derive_minute`` returns."""
        self.minute, self.key = minute, key
        self._keyed, self._pads = KeyedHash(key), KeyedHash(key, b"hint")
        self.tag = self._keyed.digest(b"tag")[:TAG]

    def hint_of(self, public: bytes) -> bytes:
        """The hint of a public key (32 bytes)."""
        return self._keyed.digest(b"key" + public)[:HINT]

    def unmask_hint(self, packet: bytes) -> bytes:
        """The hint in a packet; of one that was changed, or made without the secret, it is random."""
        return _xor(packet[_HINT_AT:_NONCE_AT], self._pads.digest(packet[_NONCE_AT:])[:HINT])

    def unmask_hints(self, packets: Sequence[bytes]) -> list[bytes]:
        """Those of many packets: a flood of them goes through here."""
        pads = self._pads.digests([packet[_NONCE_AT:] for packet in packets])
        masked = b"".join([packet[_HINT_AT:_NONCE_AT] for packet in packets])
        hints = _xor(masked, b"".join([pad[:HINT] for pad in pads]))
        return [hints[at : at + HINT] for at in range(0, len(hints), HINT)]

    def unmask(self, packet: bytes) -> Request:
        """What a packet says behind its nonce."""
        body = _xor(packet[_BODY_AT:], self._stream(nonce_of(packet)))
        return Request(
            body[0],
            body[1],
            body[2:_SIGNED],
            body[10],
            int.from_bytes(body[11:15], "big"),
            body[15],
            body[REQUEST : REQUEST + ADDRESS],
            body[REQUEST + ADDRESS :],
        )

    def seal(self, public: bytes, nonce: bytes, request: Request) -> bytes:
        """The packet of a request."""
        body = b"".join(
            (
                bytes((request.verb, request.bound)),
                request.selector,
                bytes((request.sk_flags,)),
                request.sk_counter.to_bytes(4, "big"),
                bytes((request.reserved,)),
                request.address,
                request.signature,
            )
        )
        rest = nonce + _xor(body, self._stream(nonce))
        pad = self._pads.digest(rest)[:HINT]
        return self.tag + _xor(self.hint_of(public), pad) + rest

    def _stream(self, nonce: bytes) -> bytes:
        return b"".join(self._keyed.digest(b"mask" + nonce + bytes((block,))) for block in range(3))


def derive_minute(secret: bytes, minute: int) -> bytes:
    """The key of a minute. Raises ValueError for one that there is not, such as any before the epoch."""
    if not 0 <= minute <= LAST_MINUTE:
        raise ValueError(f"expected a minute from 0 to {LAST_MINUTE}, got {minute}")
    return KeyedHash(secret).digest(VERSION + b" minute" + minute.to_bytes(8, "big"))


def derive_host(secret: bytes) -> bytes:
    """The identity of a host: a packet for one is none for another."""
    return KeyedHash(secret).digest(VERSION + b" host")


def nonce_of(packet: bytes) -> bytes:
    """The nonce of a packet."""
    return packet[_NONCE_AT:_BODY_AT]


def select_door(name: str) -> bytes:
    """What stands for a door's name in a request."""
    return hash_sha256(name.encode())[:_SELECTOR]


def pack_bound(address: bytes) -> bytes:
    """An address of 4 or 16 bytes as a request has it."""
    return _MAPPED + address if len(address) == 4 else address


def message_of(host: bytes, minute: int, nonce: bytes, request: Request, door: str) -> bytes:
    """What is signed, as ``ssh-keygen -Y sign`` gets it."""
    head = bytes((request.verb, request.bound)) + request.selector
    return b"".join((VERSION, host, minute.to_bytes(8, "big"), nonce, head, request.address, door.encode()))


def blob_of(message: bytes) -> bytes:
    """What an SSH key signs of a message (PROTOCOL.sshsig), as an agent gets it."""
    parts = (NAMESPACE.encode(), b"", b"sha512", hash_sha512(message))
    return b"SSHSIG" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _xor(some: bytes, pad: bytes) -> bytes:
    return (int.from_bytes(some, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(some), "big")
