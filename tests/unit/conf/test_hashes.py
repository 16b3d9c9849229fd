"""SHA-2 and HMAC-SHA-256, held to the standard library's."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from knockd_conf.hashes import KeyedHash, hash_sha256, hash_sha512


@pytest.mark.parametrize("size", [1, 32, 63, 64])
@pytest.mark.parametrize("length", [0, 1, 55, 64, 119, 4096])
def test_keyed_hash(size: int, length: int) -> None:
    """It is HMAC-SHA-256, as often as it is asked."""
    key, message = bytes(range(size)), bytes(length)
    keyed = KeyedHash(key)
    assert [hmac.digest(key, message, "sha256")] * 2 == [keyed.digest(message) for _ in range(2)]


def test_prefix() -> None:
    """A prefix is in front of every message."""
    keyed = KeyedHash(b"key", b"hint")
    for message in (b"", b"one", bytes(112)):
        assert hmac.digest(b"key", b"hint" + message, "sha256") == keyed.digest(message)


def test_many_messages() -> None:
    """Those of many messages are those of each."""
    keyed, messages = KeyedHash(b"key", b"hint"), [b"", b"one", bytes(112)]
    assert [keyed.digest(message) for message in messages] == keyed.digests(messages)


def test_plain_hashes() -> None:
    """They are those of FIPS 180-4."""
    assert hashlib.sha256(b"abc").digest() == hash_sha256(b"abc")
    assert hashlib.sha512(b"abc").digest() == hash_sha512(b"abc")
