"""Packets that a server of signed knocks judges, each with one thing in it that decides: for the vectors.

They are made by the slow model, which shares nothing with the product.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from tests.support.oracles import ed25519
from tests.support.oracles.signed_judge_model import ModelDoor, ModelKey, Server
from tests.support.oracles.signed_model import (
    UNBOUND,
    Knock,
    Signer,
    blob_of,
    make_packet,
    message_of,
    signed_by,
    string,
)

SECRET = bytes(range(32))
RANDOM = sha256(b"a secret for test vectors").digest()
"""Looks like a secret that somebody has; it is none, since everybody knows where it comes from."""

MINUTE = 29_934_720
"""The minute that begins with 2026-12-01 00:00:00 UTC."""

NONCE = bytes(range(0x40, 0x50))

TOUCHED, VERIFIED = 1, 4
"""Flags of a hardware key: somebody touched it; it has verified who did."""


def _seed(words: bytes) -> bytes:
    return sha256(words).digest()


KEYS = {
    "alice": Signer(bytes(range(32, 64)), "alice@laptop"),
    "bob": Signer(_seed(b"a key for test vectors"), "bob"),
    "token": Signer(_seed(b"a hardware key"), "token", "ssh:"),
    "token-of-knocks": Signer(_seed(b"another hardware key"), "knocks", "ssh:knocks"),
    "office": Signer(_seed(b"a key for an office"), "office"),
    "expired": Signer(_seed(b"a key of the past"), "expired"),
    "web-only": Signer(_seed(b"a key of one door"), "web-only"),
    "mallory": Signer(_seed(b"a key that may not knock"), "mallory"),
}
"""Private keys that everybody knows."""

OPTIONS = {
    "office": 'from="192.0.2.0/24,2001:db8::/32,!192.0.2.66"',
    "expired": 'expiry-time="20200101"',
    "web-only": 'knock-doors="web"',
}
"""What stands in front of a key in the server's file; mallory's is not in it."""

PAST = 1_577_836_800.0
"""2020-01-01 00:00:00 UTC."""

OFFICE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))

DOORS = (
    ModelDoor("ssh"),
    ModelDoor("web"),
    ModelDoor("T\u00fcr"),
    ModelDoor("elsewhere", port=47_812),
    ModelDoor("home", allow=(ip_network("203.0.113.0/24"),), deny=(ip_network("203.0.113.66/32"),)),
    ModelDoor("old", expires=PAST),
    ModelDoor("inside", targets=(ip_address("198.51.100.2"), ip_address("2001:db8:1::2"))),
)


def make_server() -> Server:
    """The server of the vectors, at which nothing has counted yet."""
    keys = {
        name: ModelKey(name, signer) for name, signer in KEYS.items() if name not in (*OPTIONS, "mallory")
    }
    keys["office"] = ModelKey("office", KEYS["office"], OFFICE, (ip_network("192.0.2.66/32"),))
    keys["expired"] = ModelKey("expired", KEYS["expired"], expires=PAST)
    keys["web-only"] = ModelKey("web-only", KEYS["web-only"], doors=frozenset(("web",)))
    return Server(SECRET, DOORS, tuple(keys.values()))


class Judged(NamedTuple):
    """A packet, and what a server does with it: ``expected`` is ``counts`` or a word of the page.

    ``before`` are packets that come just before it, and count.
    """

    name: str
    why: str
    expected: str
    packet: bytes
    source: str = "203.0.113.9"
    destination: str = "198.51.100.1"
    port: int = 47_811
    seconds: float = MINUTE * 60 + 30
    before: tuple[bytes, ...] = ()


def _knock(key: str = "alice", door: str = "ssh", verb: int = 1, address: bytes = UNBOUND) -> Knock:
    flags = 0 if KEYS[key].application is None else TOUCHED
    return Knock(
        SECRET, KEYS[key], MINUTE, NONCE, door, verb, int(address != UNBOUND), address, flags, flags * 7
    )


def _pack(knock: Knock, signature: bytes | None = None) -> bytes:
    return make_packet(knock, signature).packet


def _signed_as(knock: Knock, **other: object) -> bytes:
    """The packet of a knock with the signature of one that differs."""
    return _pack(knock, make_packet(replace(knock, **other)).signature)  # type: ignore[arg-type]


def _signed_over(knock: Knock, signed: bytes) -> bytes:
    """The packet of a knock with a right signature over other bytes."""
    return _pack(knock, ed25519.sign(knock.signer.seed, signed))


def _flip(packet: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(packet)
    changed[at] ^= 1 << bit
    return bytes(changed)


BASE, TOKEN = _knock(), _knock("token")
GOOD = _pack(BASE)
V4 = bytes(10) + b"\xff\xff" + bytes((203, 0, 113, 9))
V6 = bytes.fromhex("20010db8000000000000000000000007")
OTHER_NONCE = bytes(range(0x50, 0x60))


def _adding_order(signature: bytes) -> bytes:
    """The other number that would be right if it need not be below the group's order (RFC 8032, 5.1.7)."""
    s = int.from_bytes(signature[32:], "little") + ed25519.L
    return signature[:32] + s.to_bytes(32, "little")


COUNTING = (
    Judged("counts", "all is right", "counts", GOOD),
    Judged(
        "counts-renew",
        "to renew; whether something is open is another matter",
        "counts",
        _pack(_knock(verb=2)),
    ),
    Judged("counts-close", "to close; the same", "counts", _pack(_knock(verb=3))),
    Judged("counts-earliest", "the minute before its own begins", "counts", GOOD, seconds=(MINUTE - 1) * 60),
    Judged("counts-last", "the last moment of the minute after", "counts", GOOD, seconds=MINUTE * 60 + 119.9),
    Judged("counts-bound-ipv4", "it comes from where it says", "counts", _pack(_knock(address=V4))),
    Judged(
        "counts-bound-ipv6",
        "the same over IPv6",
        "counts",
        _pack(_knock(address=V6)),
        source="2001:db8::7",
    ),
    Judged("counts-utf-8", "a name that is not ASCII", "counts", _pack(_knock(door="T\u00fcr"))),
    Judged("counts-hardware", "a hardware key that was touched", "counts", _pack(TOKEN)),
    Judged(
        "counts-hardware-application",
        "one with another application",
        "counts",
        _pack(_knock("token-of-knocks")),
    ),
    Judged(
        "counts-from", "from a network of its from=", "counts", _pack(_knock("office")), source="192.0.2.7"
    ),
    Judged("counts-from-ipv6", "the same", "counts", _pack(_knock("office")), source="2001:db8:9::1"),
    Judged("counts-its-door", "at the door of its knock-doors=", "counts", _pack(_knock("web-only", "web"))),
    Judged("counts-allowed", "from a network of the door's Allow", "counts", _pack(_knock(door="home"))),
    Judged(
        "counts-target",
        "sent to the address that the door is for",
        "counts",
        _pack(_knock(door="inside")),
        destination="198.51.100.2",
    ),
    Judged(
        "counts-nonce-of-another-key",
        "another key may have the same nonce: nobody can use up another's",
        "counts",
        GOOD,
        before=(_pack(_knock("bob")),),
    ),
    Judged(
        "counts-nonce-of-another-minute",
        "a nonce is used for its minute",
        "counts",
        GOOD,
        before=(_pack(replace(BASE, minute=MINUTE + 1)),),
    ),
    Judged(
        "counts-another-nonce",
        "the same request again is another packet",
        "counts",
        _pack(replace(BASE, nonce=OTHER_NONCE)),
        before=(GOOD,),
    ),
)

REFUSED = (
    Judged("short", "a byte is missing", "length", GOOD[:-1]),
    Judged("long", "a byte more", "length", GOOD + b"\0"),
    Judged("empty", "nothing", "length", b""),
    Judged("too-early", "a second before its first minute", "minute", GOOD, seconds=(MINUTE - 1) * 60 - 1),
    Judged("too-late", "its minutes are over", "minute", GOOD, seconds=(MINUTE + 2) * 60),
    Judged("days-late", "a recording", "minute", GOOD, seconds=(MINUTE + 2_880) * 60),
    Judged("other-secret", "made for another server", "minute", _pack(replace(BASE, secret=RANDOM))),
    Judged("changed-tag", "a bit of the tag", "minute", _flip(GOOD, 0)),
    Judged("zeros", "124 bytes of zeros", "minute", bytes(124)),
    Judged("unknown-key", "right, but of a key that is not in the file", "key", _pack(_knock("mallory"))),
    Judged("changed-hint", "a bit of the masked hint", "key", _flip(GOOD, 4)),
    Judged("changed-nonce", "a bit of the nonce", "key", _flip(GOOD, 27, 7)),
    Judged("changed-body", "the first bit behind the nonce", "key", _flip(GOOD, 28, 7)),
    Judged("changed-signature", "the last bit", "key", _flip(GOOD, 123)),
    Judged(
        "tag-of-next-minute",
        "the packet of a minute under the tag of another live one",
        "key",
        _pack(replace(BASE, minute=MINUTE + 1))[:4] + GOOD[4:],
    ),
    Judged("random-behind-tag", "what a stranger who heard a tag can make", "key", GOOD[:4] + bytes(120)),
    Judged("verb-0", "no verb", "malformed", _pack(_knock(verb=0))),
    Judged("verb-4", "a verb that there is not", "malformed", _pack(_knock(verb=4))),
    Judged("bound-2", "bound is neither 0 nor 1", "malformed", _pack(replace(BASE, bound=2, address=V4))),
    Judged("bound-to-nothing", "bound, and no address", "malformed", _pack(replace(BASE, bound=1))),
    Judged("address-unbound", "an address, and not bound", "malformed", _pack(replace(BASE, address=V4))),
    Judged("reserved", "the byte that is 0 is not", "malformed", _pack(replace(BASE, reserved=1))),
    Judged("flags-of-a-file", "flags, and no hardware key", "malformed", _pack(replace(BASE, flags=1))),
    Judged(
        "counter-of-a-file", "a counter, and no hardware key", "malformed", _pack(replace(BASE, counter=1))
    ),
    Judged("no-such-door", "a name that no door has", "door", _pack(_knock(door="cellar"))),
    Judged("door-in-capitals", "case counts", "door", _pack(_knock(door="SSH"))),
    Judged("door-decomposed", "names are not normalised", "door", _pack(_knock(door="Tu\u0308r"))),
    Judged("door-of-another-port", "the door has another port", "door", _pack(_knock(door="elsewhere"))),
    Judged("port-of-another-door", "the port is another door's", "door", GOOD, port=47_812),
    Judged("not-its-door", "its knock-doors= has another one", "key-doors", _pack(_knock("web-only"))),
    Judged("expired-key", "its expiry-time= is over", "key-expired", _pack(_knock("expired"))),
    Judged("from-elsewhere", "not in its from=", "key-from", _pack(_knock("office"))),
    Judged(
        "from-excluded", "left out in its from=", "key-from", _pack(_knock("office")), source="192.0.2.66"
    ),
    Judged(
        "not-allowed",
        "not in the door's Allow",
        "access",
        _pack(_knock(door="home")),
        source="198.51.100.7",
    ),
    Judged("denied", "in the door's Deny", "access", _pack(_knock(door="home")), source="203.0.113.66"),
    Judged("not-its-target", "sent to another address of the server", "target", _pack(_knock(door="inside"))),
    Judged("expired-door", "the door has expired", "door-expired", _pack(_knock(door="old"))),
    Judged(
        "bound-elsewhere",
        "it comes from another address",
        "bound",
        _pack(_knock(address=V4)),
        source="192.0.2.7",
    ),
    Judged(
        "bound-over-ipv6",
        "IPv4 is bound, and it comes by IPv6",
        "bound",
        _pack(_knock(address=V4)),
        source="2001:db8::7",
    ),
    Judged(
        "bound-ipv4-compatible",
        "an IPv4 address without ff ff in front of it",
        "bound",
        _pack(_knock(address=bytes(12) + V4[12:])),
    ),
    Judged("again", "the same bytes", "repeated", GOOD, before=(GOOD,)),
    Judged("again-elsewhere", "the same bytes from elsewhere", "repeated", GOOD, "192.0.2.7", before=(GOOD,)),
    Judged(
        "nonce-again",
        "another request with the nonce of one that counted",
        "repeated",
        _pack(_knock(verb=3)),
        before=(GOOD,),
    ),
    Judged("untouched", "the hardware key was not touched", "touch", _pack(replace(TOKEN, flags=0))),
    Judged(
        "untouched-verified", "its other flags do not help", "touch", _pack(replace(TOKEN, flags=VERIFIED))
    ),
    Judged("of-zeros", "64 zero bytes", "signature", _pack(BASE, bytes(64))),
    Judged("of-another-key", "signed by another key", "signature", _signed_as(BASE, signer=KEYS["bob"])),
    Judged("for-another-host", "signed for another server", "signature", _signed_as(BASE, secret=RANDOM)),
    Judged(
        "for-another-minute", "signed for the next minute", "signature", _signed_as(BASE, minute=MINUTE + 1)
    ),
    Judged("for-another-nonce", "signed for another nonce", "signature", _signed_as(BASE, nonce=OTHER_NONCE)),
    Judged("for-another-verb", "signed to open", "signature", _signed_as(_knock(verb=3), verb=1)),
    Judged("for-another-door", "signed for another door", "signature", _signed_as(BASE, door="web")),
    Judged(
        "for-another-address",
        "signed for another address",
        "signature",
        _signed_as(_knock(address=V4), address=V6),
    ),
    Judged(
        "for-no-address",
        "signed without an address",
        "signature",
        _signed_as(_knock(address=V4), bound=0, address=UNBOUND),
    ),
    Judged("over-the-message", "no SSH signature", "signature", _signed_over(BASE, message_of(BASE))),
    Judged(
        "over-another-namespace",
        "an SSH signature for another purpose",
        "signature",
        _signed_over(
            BASE, blob_of(message_of(BASE)).replace(b"signed-knock-1@knockd", b"signed-knock-2@knockd")
        ),
    ),
    Judged(
        "by-sha256",
        "an SSH signature with another hash",
        "signature",
        _signed_over(
            BASE,
            b"SSHSIG"
            + string(b"signed-knock-1@knockd")
            + string(b"")
            + string(b"sha256")
            + string(sha256(message_of(BASE)).digest()),
        ),
    ),
    Judged(
        "number-too-high",
        "the second half is the right number and the group's order",
        "signature",
        _pack(BASE, _adding_order(make_packet(BASE).signature)),
    ),
    Judged(
        "hardware-as-file",
        "a hardware key that signed as no hardware key does",
        "signature",
        _signed_over(TOKEN, blob_of(message_of(TOKEN))),
    ),
    Judged("hardware-counter", "another counter was signed", "signature", _signed_as(TOKEN, counter=8)),
    Judged(
        "hardware-flags", "other flags were signed", "signature", _signed_as(TOKEN, flags=TOUCHED | VERIFIED)
    ),
    Judged("hardware-touch-added", "signed without a touch", "signature", _signed_as(TOKEN, flags=0)),
    Judged(
        "hardware-application",
        "signed for another application",
        "signature",
        _signed_over(TOKEN, signed_by("ssh:other", TOKEN.flags, TOKEN.counter, blob_of(message_of(TOKEN)))),
    ),
)

CASES = (*COUNTING, *REFUSED)
