"""The signature that ``ssh-keygen -Y sign`` prints (PROTOCOL.sshsig), taken apart and held to what was asked.

Pure.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from knockd.client.signature import Signature, parse_signature, show_bytes
from knockd_conf.signed_packet import NAMESPACE
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import Reader

MAX_SIZE: Final = 4_096
"""Longest text, in bytes: one with an Ed25519 key has a tenth of it."""

BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
END: Final = b"-----END SSH SIGNATURE-----"
MAGIC: Final = b"SSHSIG"
VERSION: Final = 1
HASH: Final = b"sha512"
_LONGEST_LINE: Final = 76


def parse_sshsig(text: bytes, key: PublicKey) -> Signature:
    """The signature of a knock that ``key`` has made. Raises ValueError("expected ..., got ...")."""
    reader = Reader(_unwrap(text))
    if reader.take(len(MAGIC)) != MAGIC:
        raise ValueError("expected SSHSIG in front, got other bytes")
    version = reader.number()
    if version != VERSION:
        raise ValueError(f"expected version {VERSION}, got {version}")
    if reader.string() != key.blob:
        raise ValueError(f"expected a signature of {key.fingerprint}, got one of another key")
    _expect("the namespace", NAMESPACE.encode(), reader.string())
    # It is signed too, and in a knock it is empty.
    _expect("the reserved string", b"", reader.string())
    _expect("the hash", HASH, reader.string())
    signature = reader.string()
    reader.end()
    return parse_signature(signature, key)


def _unwrap(text: bytes) -> bytes:
    """The bytes between the first and the last line."""
    if len(text) > MAX_SIZE:
        raise ValueError(f"expected at most {MAX_SIZE} bytes, got more")
    lines = text.removesuffix(b"\n").split(b"\n")
    first, *middle, last = [line.removesuffix(b"\r") for line in lines] if len(lines) > 1 else [b"", b""]
    if first != BEGIN or last != END:
        raise ValueError(f"expected lines from {BEGIN.decode()} to {END.decode()}, got others")
    encoded = b"".join(middle)
    try:
        data = a2b_base64(encoded, strict_mode=True)
    except Error:
        data = b""
    if not data or b2a_base64(data, newline=False) != encoded or max(map(len, middle)) > _LONGEST_LINE:
        raise ValueError(f"expected base64 in lines of at most {_LONGEST_LINE} characters, got others")
    return data


def _expect(what: str, expected: bytes, got: bytes) -> None:
    if got != expected:
        raise ValueError(f"expected {what} {expected.decode()!r}, got {show_bytes(got)}")
