"""SHA-2 and HMAC-SHA-256 (RFC 2104) without OpenSSL's library, which takes 2 MB of each process.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

try:
    from _sha2 import sha256, sha512
except ImportError:  # Python 3.11
    try:
        from _sha256 import sha256
        from _sha512 import sha512
    except ImportError:  # a Python that has OpenSSL's alone
        from hashlib import sha256, sha512

_BLOCK: Final = 64


class KeyedHash:
    """HMAC-SHA-256 under one key, for many messages: half the time of ``hmac.digest``."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, prefix: bytes = b"") -> None:
        """``key``: at most 64 bytes. ``prefix`` goes in front of every message."""
        padded = key.ljust(_BLOCK, b"\0")
        self._inner: Any = sha256(bytes(byte ^ 0x36 for byte in padded) + prefix)
        self._outer: Any = sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, message: bytes) -> bytes:
        """The 32 bytes of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        result: bytes = outer.digest()
        return result

    def digests(self, messages: Iterable[bytes]) -> list[bytes]:
        """Those of many messages, in two thirds of the time."""
        new_inner, new_outer = self._inner.copy, self._outer.copy
        found = []
        for message in messages:
            inner, outer = new_inner(), new_outer()
            inner.update(message)
            outer.update(inner.digest())
            found.append(outer.digest())
        return found


def hash_sha256(message: bytes) -> bytes:
    """The 32 bytes of SHA-256."""
    result: bytes = sha256(message).digest()
    return result


def hash_sha512(message: bytes) -> bytes:
    """The 64 bytes of SHA-512."""
    result: bytes = sha512(message).digest()
    return result
