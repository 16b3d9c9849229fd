"""The vectors of docs/spec/signed-knock-vectors.json, and their private keys as OpenSSH has them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from textwrap import wrap
from typing import Any, Final, NamedTuple

PAGE: Final = Path(__file__).parents[3] / "docs" / "spec" / "signed-knock-vectors.json"


class Key(NamedTuple):
    """A key pair that everybody knows. ``line`` is as authorized_keys has it."""

    name: str
    seed: bytes
    public: bytes
    application: str | None
    line: str
    fingerprint: str

    @property
    def private_file(self) -> str:
        """The text of a file with the private key, for ssh-keygen; hardware keys have none."""
        kind, blob, comment = self.line.split(" ")
        secret = _string(kind.encode()) + _string(self.public) + _string(self.seed + self.public)
        secret = bytes(8) + secret + _string(comment.encode())
        secret += bytes(range(1, 9 - len(secret) % 8)) if len(secret) % 8 else b""
        head = b"openssh-key-v1\0" + 2 * _string(b"none") + _string(b"") + (1).to_bytes(4, "big")
        text = b64encode(head + _string(b64decode(blob)) + _string(secret)).decode()
        marks = (f"-----{mark} OPENSSH PRIVATE KEY-----" for mark in ("BEGIN", "END"))
        return "\n".join((next(marks), *wrap(text, 70), next(marks), ""))


class Vector(NamedTuple):
    """A packet and all values on the way to it. ``key`` is the name of one of KEYS."""

    name: str
    secret: bytes
    key: str
    minute: int
    nonce: bytes
    verb: str
    door: str
    door_utf8: bytes
    address: str | None
    flags: int
    counter: int
    host: bytes
    minute_key: bytes
    tag: bytes
    hint: bytes
    message: bytes
    blob: bytes
    signed: bytes
    signature: bytes
    ssh_signature: str
    body: bytes
    mask: bytes
    pad: bytes
    packet: bytes


class Verdict(NamedTuple):
    """A packet at the file's server: either ``refused`` is a word of the page, or ``counts`` says what."""

    name: str
    seconds: float
    source: str
    destination: str
    port: int
    before: tuple[bytes, ...]
    packet: bytes
    refused: str | None
    counts: dict[str, str] | None


def read_page() -> dict[str, Any]:
    """What the file holds, as section 13 of the page says."""
    found: dict[str, Any] = json.loads(PAGE.read_text(encoding="utf-8"))
    return found


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _key(name: str, one: dict[str, Any]) -> Key:
    seed, public = bytes.fromhex(one["seed"]), bytes.fromhex(one["public"])
    return Key(name, seed, public, one["application"], one["line"], one["fingerprint"])


_TEXTS = ("name", "key", "verb", "door", "address", "ssh_signature")


def _vector(one: dict[str, Any]) -> Vector:
    values: dict[str, Any] = {
        name: bytes.fromhex(value) if isinstance(value, str) and name not in _TEXTS else value
        for name, value in one.items()
        if name != "why"
    }
    return Vector(minute_key=values.pop("K"), **values)


def _verdict(one: dict[str, Any]) -> Verdict:
    packets = {"before": tuple(map(bytes.fromhex, one["before"])), "packet": bytes.fromhex(one["packet"])}
    return Verdict(**{name: value for name, value in {**one, **packets}.items() if name != "why"})


KEYS: Final = {name: _key(name, one) for name, one in read_page()["keys"].items()}
VECTORS: Final = tuple(map(_vector, read_page()["packets"]))
VERDICTS: Final = tuple(map(_verdict, read_page()["verdicts"]))
