"""Packets of signed knocks as docs/spec/signed-knock.md says them, slowly: every value on the way.

It was written from the page and shares nothing with the product.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from hashlib import sha256, sha512

from tests.support.oracles import ed25519

VERBS = {"open": 1, "renew": 2, "close": 3}
NAMESPACE = "signed-knock-1@knockd"
UNBOUND = bytes(16)


@dataclass(frozen=True)
class Signer:
    """A private key: its seed (RFC 8032) and comment; ``application`` is None unless it is a hardware key."""

    seed: bytes
    comment: str
    application: str | None = None

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return ed25519.public_of(self.seed)

    @property
    def public_blob(self) -> bytes:
        """The public key as SSH has it (RFC 8709, PROTOCOL.u2f)."""
        if self.application is None:
            return string(b"ssh-ed25519") + string(self.public)
        kind = string(b"sk-ssh-ed25519@openssh.com")
        return kind + string(self.public) + string(self.application.encode())


@dataclass(frozen=True)
class Knock:
    """What a packet is made of. ``flags`` and ``counter`` are those of a hardware key."""

    secret: bytes
    signer: Signer
    minute: int
    nonce: bytes
    door: str
    verb: int = 1
    bound: int = 0
    address: bytes = UNBOUND
    flags: int = 0
    counter: int = 0
    reserved: int = 0


@dataclass(frozen=True)
class Packet:
    """Every value between the secret and the packet, by the names of the page."""

    host: bytes
    minute_key: bytes
    tag: bytes
    hint: bytes
    door_digest: bytes
    message: bytes
    blob: bytes
    signed: bytes
    signature: bytes
    body: bytes
    mask: bytes
    masked_body: bytes
    pad: bytes
    packet: bytes


@dataclass(frozen=True)
class Opened:
    """What a server finds in a packet with the key of a minute."""

    hint: bytes
    nonce: bytes
    verb: int
    bound: int
    door_digest: bytes
    flags: int
    counter: int
    reserved: int
    address: bytes
    signature: bytes


def string(content: bytes) -> bytes:
    """A string of SSH (RFC 4251)."""
    return len(content).to_bytes(4, "big") + content


def hmac_of(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, message, sha256).digest()


def xor(some: bytes, other: bytes) -> bytes:
    """Both byte by byte."""
    return bytes(a ^ b for a, b in zip(some, other, strict=True))


def host_of(secret: bytes) -> bytes:
    """The identity of a server."""
    return hmac_of(secret, b"signed-knock-1 host")


def minute_key_of(secret: bytes, minute: int) -> bytes:
    """K of the page."""
    return hmac_of(secret, b"signed-knock-1 minute" + minute.to_bytes(8, "big"))


def tag_of(minute_key: bytes) -> bytes:
    """The first four bytes of all packets of a minute."""
    return hmac_of(minute_key, b"tag")[:4]


def hint_of(minute_key: bytes, public: bytes) -> bytes:
    """What stands for a public key in a minute."""
    return hmac_of(minute_key, b"key" + public)[:8]


def mask_of(minute_key: bytes, nonce: bytes) -> bytes:
    """96 bytes."""
    return b"".join(hmac_of(minute_key, b"mask" + nonce + bytes([block])) for block in (0, 1, 2))


def door_digest_of(door: str) -> bytes:
    """What stands for the name of a door."""
    return sha256(door.encode("utf-8")).digest()[:8]


def message_of(knock: Knock) -> bytes:
    """What ssh-keygen signs."""
    host, minute = host_of(knock.secret), knock.minute.to_bytes(8, "big")
    request = bytes([knock.verb, knock.bound]) + door_digest_of(knock.door) + knock.address
    return b"signed-knock-1" + host + minute + knock.nonce + request + knock.door.encode("utf-8")


def blob_of(message: bytes) -> bytes:
    """What a key signs of a message (PROTOCOL.sshsig)."""
    digest = sha512(message).digest()
    return b"SSHSIG" + string(NAMESPACE.encode()) + string(b"") + string(b"sha512") + string(digest)


def signed_by(application: str | None, flags: int, counter: int, blob: bytes) -> bytes:
    """The bytes that the Ed25519 signature is over: of a hardware key those of PROTOCOL.u2f."""
    if application is None:
        return blob
    made = bytes([flags]) + counter.to_bytes(4, "big")
    return sha256(application.encode()).digest() + made + sha256(blob).digest()


def make_packet(knock: Knock, signature: bytes | None = None) -> Packet:
    """The packet of a knock; with ``signature`` that one is in it, be it right or wrong."""
    minute_key = minute_key_of(knock.secret, knock.minute)
    blob = blob_of(message_of(knock))
    signed = signed_by(knock.signer.application, knock.flags, knock.counter, blob)
    signature = ed25519.sign(knock.signer.seed, signed) if signature is None else signature
    hardware = bytes([knock.flags]) + knock.counter.to_bytes(4, "big") + bytes([knock.reserved])
    head = bytes([knock.verb, knock.bound]) + door_digest_of(knock.door) + hardware
    body = head + knock.address + signature
    mask = mask_of(minute_key, knock.nonce)
    masked_body = xor(body, mask)
    pad = hmac_of(minute_key, b"hint" + knock.nonce + masked_body)[:8]
    tag, hint = tag_of(minute_key), hint_of(minute_key, knock.signer.public)
    return Packet(
        host=host_of(knock.secret),
        minute_key=minute_key,
        tag=tag,
        hint=hint,
        door_digest=door_digest_of(knock.door),
        message=message_of(knock),
        blob=blob,
        signed=signed,
        signature=signature,
        body=body,
        mask=mask,
        masked_body=masked_body,
        pad=pad,
        packet=tag + xor(hint, pad) + knock.nonce + masked_body,
    )


def sign_otherwise(knock: Knock, **changed: object) -> bytes:
    """The signature of a knock that differs, to put it into the packet of ``knock``."""
    return make_packet(replace(knock, **changed)).signature  # type: ignore[arg-type]


def open_packet(minute_key: bytes, packet: bytes) -> Opened:
    """Reads a packet of 124 bytes."""
    masked_hint, nonce, masked_body = packet[4:12], packet[12:28], packet[28:]
    body = xor(masked_body, mask_of(minute_key, nonce))
    pad = hmac_of(minute_key, b"hint" + nonce + masked_body)[:8]
    return Opened(
        hint=xor(masked_hint, pad),
        nonce=nonce,
        verb=body[0],
        bound=body[1],
        door_digest=body[2:10],
        flags=body[10],
        counter=int.from_bytes(body[11:15], "big"),
        reserved=body[15],
        address=body[16:32],
        signature=body[32:96],
    )


def sshsig_of(knock: Knock, packet: Packet) -> bytes:
    """The signature as ssh-keygen -Y sign writes it into its file, before base64."""
    signature = string(packet.signature)
    if knock.signer.application is None:
        signature = string(b"ssh-ed25519") + signature
    else:
        made = bytes([knock.flags]) + knock.counter.to_bytes(4, "big")
        signature = string(b"sk-ssh-ed25519@openssh.com") + signature + made
    head = b"SSHSIG" + (1).to_bytes(4, "big") + string(knock.signer.public_blob)
    return head + string(NAMESPACE.encode()) + string(b"") + string(b"sha512") + string(signature)
