"""Prints docs/spec/signed-knock-vectors.json anew (make signed-vectors), to add vectors.

What is published does not change: the diff has new vectors only. They are made by the slow model, which
shares nothing with the product.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.oracles.signed_cases import (
    CASES as JUDGED,
)
from tests.support.oracles.signed_cases import (
    DOORS,
    KEYS,
    MINUTE,
    NONCE,
    OPTIONS,
    RANDOM,
    SECRET,
    TOUCHED,
    VERIFIED,
    Judged,
    make_server,
)
from tests.support.oracles.signed_judge_model import Counts, ModelDoor, judge
from tests.support.oracles.signed_model import UNBOUND, VERBS, Knock, Signer, make_packet, sshsig_of

PAGE = Path(__file__).parents[3] / "docs" / "spec" / "signed-knock-vectors.json"


class Case(NamedTuple):
    """What a packet is made of, and why this is worth a vector."""

    name: str
    why: str
    key: str = "alice"
    door: str = "ssh"
    verb: str = "open"
    address: str = ""
    minute: int = MINUTE
    secret: bytes = SECRET
    nonce: bytes = NONCE
    flags: int = 0
    counter: int = 0


CASES = (
    Case("open", "the worked example of the page"),
    Case("renew", "another verb", verb="renew"),
    Case("close", "the last verb", verb="close"),
    Case("bound-ipv4", "an IPv4 address in 16 bytes", address="192.0.2.7"),
    Case("bound-ipv6", "an IPv6 address", address="2001:db8::7"),
    Case("bound-renew", "a verb and an address", verb="renew", address="203.0.113.9"),
    Case(
        "next-minute", "the minute after that: the tag and all that is masked are others", minute=MINUTE + 1
    ),
    Case("minute-before", "the minute before", minute=MINUTE - 1),
    Case("minute-0", "the first minute there is", minute=0),
    Case("minute-32-bit", "a number that needs 32 bits", minute=2**32 - 1),
    Case("minute-33-bit", "a number that needs 33", minute=2**32),
    Case("minute-last", "the last minute there is, 2^53 - 1", minute=2**53 - 1),
    Case("another-secret", "a secret with bytes above 127", secret=RANDOM),
    Case("secret-of-ones", "a secret of bytes 255", secret=b"\xff" * 32),
    Case("nonce-of-zeros", "a nonce of zeros", nonce=bytes(16)),
    Case("nonce-of-ones", "a nonce of bytes 255", nonce=b"\xff" * 16),
    Case("another-key", "a public key with its top bit set", key="bob"),
    Case("another-door", "the same key at another door", door="web"),
    Case("door-in-capitals", "the case of a door's name counts", door="SSH"),
    Case("door-with-spaces", "spaces count, also at the ends", door=" my door "),
    Case("door-utf-8", "the name is hashed and signed as UTF-8", door="T\u00fcr"),
    Case("door-decomposed", "a name that looks the same is another one", door="Tu\u0308r"),
    Case("door-emoji", "four bytes a character", door="\U0001f6aa"),
    Case("door-marks", "what a shell would take for something else", door="a/b?c#d%20 e&f='\"$`\\"),
    Case("door-shortest", "one byte", door="d"),
    Case("door-longest", "128 bytes", door="d" * 128),
    Case("hardware", "a hardware key that was touched", key="token", flags=TOUCHED, counter=7),
    Case(
        "hardware-verified",
        "it asked for its PIN, and its counter is the highest",
        key="token",
        flags=TOUCHED | VERIFIED,
        counter=2**32 - 1,
    ),
    Case("hardware-without-counter", "a key that counts nothing", key="token", flags=TOUCHED),
    Case(
        "hardware-application",
        "the application is hashed into what is signed",
        key="token-of-knocks",
        flags=TOUCHED,
        counter=258,
    ),
    Case(
        "hardware-bound-close",
        "all of it at once",
        key="token",
        verb="close",
        address="2001:db8::7",
        door="T\u00fcr",
        flags=TOUCHED,
        counter=65_536,
    ),
)

TIMES = (0, 59, 60, 119, 1_796_083_199, 1_796_083_200, 1_796_083_259, 2**32, 60 * 2**53 - 1)


def pack_address(text: str) -> bytes:
    """An address as the body has it."""
    address = ip_address(text) if text else None
    if isinstance(address, IPv4Address):
        return bytes(10) + b"\xff\xff" + address.packed
    return address.packed if isinstance(address, IPv6Address) else UNBOUND


def knock_of(case: Case) -> Knock:
    """What the slow model makes the packet of a case of."""
    return Knock(
        case.secret,
        KEYS[case.key],
        case.minute,
        case.nonce,
        case.door,
        VERBS[case.verb],
        int(bool(case.address)),
        pack_address(case.address),
        case.flags,
        case.counter,
    )


def describe(case: Case) -> dict[str, Any]:
    """The vector of a case."""
    knock = knock_of(case)
    packet = make_packet(knock)
    return {
        "name": case.name,
        "why": case.why,
        "secret": case.secret.hex(),
        "key": case.key,
        "minute": case.minute,
        "nonce": case.nonce.hex(),
        "verb": case.verb,
        "door": case.door,
        "door_utf8": case.door.encode().hex(),
        "address": case.address or None,
        "flags": case.flags,
        "counter": case.counter,
        "host": packet.host.hex(),
        "K": packet.minute_key.hex(),
        "tag": packet.tag.hex(),
        "hint": packet.hint.hex(),
        "message": packet.message.hex(),
        "blob": packet.blob.hex(),
        "signed": packet.signed.hex(),
        "signature": packet.signature.hex(),
        "ssh_signature": b64encode(sshsig_of(knock, packet)).decode(),
        "body": packet.body.hex(),
        "mask": packet.mask.hex(),
        "pad": packet.pad.hex(),
        "packet": packet.packet.hex(),
    }


def describe_key(signer: Signer) -> dict[str, Any]:
    """A private key, and its public one as a line of authorized_keys."""
    kind = "ssh-ed25519" if signer.application is None else "sk-ssh-ed25519@openssh.com"
    digest = b64encode(sha256(signer.public_blob).digest()).decode().rstrip("=")
    return {
        "type": kind,
        "seed": signer.seed.hex(),
        "public": signer.public.hex(),
        "application": signer.application,
        "line": f"{kind} {b64encode(signer.public_blob).decode()} {signer.comment}",
        "fingerprint": f"SHA256:{digest}",
    }


def describe_door(door: ModelDoor) -> dict[str, Any]:
    """A door of the server; what is left out does not matter."""
    limits = {
        "allow": [str(one) for one in door.allow if one.prefixlen],
        "deny": [str(one) for one in door.deny],
        "targets": [str(one) for one in door.targets],
        "expired": door.expires < MINUTE * 60,
    }
    return {"name": door.name, "port": door.port, **{name: value for name, value in limits.items() if value}}


def describe_judged(case: Judged) -> dict[str, Any]:
    """What the slow model says of a packet."""
    server = make_server()
    for packet in case.before:
        judge(server, case.seconds, case.source, case.destination, case.port, packet)
    found = judge(server, case.seconds, case.source, case.destination, case.port, case.packet)
    counts = {"verb": found.verb, "door": found.door, "key": found.key} if isinstance(found, Counts) else None
    return {
        "name": case.name,
        "why": case.why,
        "seconds": case.seconds,
        "source": case.source,
        "destination": case.destination,
        "port": case.port,
        "before": [packet.hex() for packet in case.before],
        "packet": case.packet.hex(),
        "refused": None if isinstance(found, Counts) else found.word,
        "counts": counts,
    }


def make_page() -> str:
    """The text of the file."""
    page = {
        "specification": "signed-knock-1",
        "keys": {name: describe_key(signer) for name, signer in KEYS.items()},
        "minutes": [{"seconds": seconds, "minute": seconds // 60} for seconds in TIMES],
        "packets": [describe(case) for case in CASES],
        "server": {
            "secret": SECRET.hex(),
            "doors": [describe_door(door) for door in DOORS],
            "authorized_keys": [
                f"{OPTIONS.get(name, '')} {describe_key(signer)['line']}".lstrip()
                for name, signer in KEYS.items()
                if name != "mallory"
            ],
        },
        "verdicts": [describe_judged(case) for case in JUDGED],
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
