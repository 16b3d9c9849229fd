"""What an ssh-agent is asked, and what its answers say (PROTOCOL.agent; draft-ietf-sshm-ssh-agent).

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd.client.signature import Signature, parse_signature
from knockd_conf.classes import NamedTuple
from knockd_conf.ssh_keys import OtherKind, PublicKey, parse_blob
from knockd_conf.ssh_wire import Reader, pack_string
from knockd_conf.text import printable

MAX_ANSWER: Final = 262_144
"""Longest answer that is read, in bytes: OpenSSH's own limit (AGENT_MAX_LEN)."""

MAX_COMMENT: Final = 60
"""Characters of a key's comment that are shown."""

REQUEST_IDENTITIES: Final = bytes((11,))
_IDENTITIES_ANSWER: Final = 12
_SIGN_REQUEST: Final = 13
_SIGN_RESPONSE: Final = 14
_FAILURES: Final = frozenset({5, 28, 30, 102})
"""SSH_AGENT_FAILURE, that of extensions, and two old ones that some agents still send."""


class Declined(Exception):
    """The agent has said no. It never says why."""


class HeldKey(NamedTuple):
    """A key of the agent that can sign a knock. ``comment`` is printable, and may be empty."""

    key: PublicKey
    comment: str

    @property
    def name(self) -> str:
        """How messages call it."""
        return name_key(self.key, self.comment)


class Held(NamedTuple):
    """What an agent holds: keys that can sign a knock, and the kinds of the others."""

    keys: tuple[HeldKey, ...]
    others: tuple[str, ...] = ()


def name_key(key: PublicKey, comment: str) -> str:
    """A key as messages call it: its comment and its fingerprint."""
    return f"{comment} ({key.fingerprint})" if comment else key.fingerprint


def show_comment(text: str) -> str:
    """A comment as it is shown: one line of printable characters, not too long."""
    clean = printable(text.strip())
    return clean if len(clean) <= MAX_COMMENT else f"{clean[:MAX_COMMENT]}..."


def parse_identities(answer: bytes) -> Held:
    """The keys in an answer to REQUEST_IDENTITIES. Raises Declined, and ValueError for what is no answer."""
    reader = _open(answer, _IDENTITIES_ANSWER)
    keys: dict[PublicKey, HeldKey] = {}
    others: list[str] = []
    for _ in range(reader.number()):
        blob, comment = reader.string(), reader.string().decode("utf-8", "replace")
        try:
            key = parse_blob(blob)
        except OtherKind as other:
            others.append(other.kind)
            continue
        keys.setdefault(key, HeldKey(key, show_comment(comment)))
    reader.end()
    return Held(tuple(keys.values()), tuple(others))


def ask_signature(key: PublicKey, data: bytes) -> bytes:
    """The request that has ``key`` sign the data. All flags are RSA's, so there are none."""
    return bytes((_SIGN_REQUEST,)) + pack_string(key.blob) + pack_string(data) + bytes(4)


def parse_signed(answer: bytes, key: PublicKey) -> Signature:
    """The signature in an answer to ``ask_signature``. Raises Declined, and ValueError for none."""
    reader = _open(answer, _SIGN_RESPONSE)
    signature = reader.string()
    reader.end()
    return parse_signature(signature, key)


def _open(answer: bytes, expected: int) -> Reader:
    """What stands behind the number of an answer."""
    reader = Reader(answer)
    number = reader.take(1)[0]
    if number in _FAILURES:
        raise Declined
    if number != expected:
        raise ValueError(f"expected an answer of kind {expected}, got {number}")
    return reader
