"""Signatures, held to those of ssh-keygen by the tests of the client."""

from __future__ import annotations

from nacl.signing import SigningKey

from knockd.signed.signature import is_right

KEY = SigningKey(bytes(32))


def test_a_right_one() -> None:
    """A signature counts for what was signed, and for nothing else."""
    signature = KEY.sign(b"message").signature
    assert is_right(KEY.verify_key.encode(), b"message", signature)
    assert not is_right(KEY.verify_key.encode(), b"another", signature)
