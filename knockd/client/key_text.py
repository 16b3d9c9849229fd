"""Files of OpenSSH's keys as text: the public key of a ``.pub`` file, and the one in front of a private key.

No secret part of a key is looked at.

Pure.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from typing import Final

from knockd.client.agent_protocol import show_comment
from knockd_conf.key_line import KeyLine, parse_key_line
from knockd_conf.ssh_keys import PublicKey, parse_blob
from knockd_conf.ssh_wire import Reader

MAX_SIZE: Final = 65_536
"""Longest file, in bytes."""

_BEGIN: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END: Final = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC: Final = b"openssh-key-v1\0"


def is_private(text: bytes) -> bool:
    """Whether a file is a private key, in OpenSSH's format or another."""
    first = text.lstrip().partition(b"\n")[0].rstrip()
    return first.startswith(b"-----BEGIN ") and first.endswith(b"PRIVATE KEY-----")


def parse_public(text: bytes) -> KeyLine:
    """Key and comment, made printable, of a file like ``id_ed25519.pub``. Raises ValueError."""
    if len(text) > MAX_SIZE:
        raise ValueError(f"expected at most {MAX_SIZE} bytes, got more")
    found = parse_key_line(text.decode("utf-8", "replace"))
    return found._replace(comment=show_comment(found.comment))


def parse_private(text: bytes) -> PublicKey | None:
    """The public key of a private one; None where its format does not have it in clear.

    Raises OtherKind and ValueError. The format is that of PROTOCOL.key of OpenSSH.
    """
    first, *lines = [line.strip() for line in text.strip().split(b"\n")]
    if first != _BEGIN:
        return None
    if len(text) > MAX_SIZE or lines[-1:] != [_END]:
        raise ValueError(f"expected a private key up to {_END.decode()}, got no such line")
    try:
        reader = Reader(a2b_base64(b"".join(lines[:-1]), strict_mode=True))
    except Error:
        raise ValueError("expected a private key in base64") from None
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"expected {_MAGIC[:-1].decode()} in front, got other bytes")
    for _ in ("cipher", "kdf", "its options"):
        reader.string()
    number = reader.number()
    if number != 1:
        raise ValueError(f"expected one key, got {number}")
    return parse_blob(reader.string())
