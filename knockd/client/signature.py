"""A signature as SSH hands it over (RFC 8709, section 6; PROTOCOL.u2f): what of it travels in a knock.

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.signed_sizes import SIGNATURE
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import Reader

PRESENT: Final = 0x01
"""Of a hardware key's flags: somebody has touched it (PROTOCOL.u2f, SSH_SK_USER_PRESENCE_REQD)."""


MAX_SHOWN: Final = 32


class Signature(NamedTuple):
    """The 64 bytes of Ed25519; ``flags`` and ``counter`` are those of a hardware key, 0 for others."""

    raw: bytes
    flags: int = 0
    counter: int = 0


def show_bytes(data: bytes) -> str:
    """Bytes that should be a name, as messages quote them: printable, and not too many."""
    return repr(data[:MAX_SHOWN].decode("ascii", "replace"))


def parse_signature(data: bytes, key: PublicKey) -> Signature:
    """The signature that ``key`` has made. Raises ValueError for what can be none of it."""
    reader = Reader(data)
    kind = reader.string()
    if kind != key.kind.encode():
        raise ValueError(f"expected a signature of kind {key.kind}, got {show_bytes(kind)}")
    raw = reader.string()
    if len(raw) != SIGNATURE:
        raise ValueError(f"expected a signature of {SIGNATURE} bytes, got {len(raw)}")
    flags = counter = 0
    if key.application is not None:
        flags, counter = reader.take(1)[0], reader.number()
    reader.end()
    return Signature(raw, flags, counter)
