"""Signatures, held to those of ssh-keygen by the tests of the client."""

from __future__ import annotations

import sys

import pytest
from nacl.signing import SigningKey

from knockd.signed.signature import explain_missing, is_right

KEY = SigningKey(bytes(32))


def test_a_right_one() -> None:
    """A signature counts for what was signed, and for nothing else."""
    signature = KEY.sign(b"message").signature
    assert is_right(KEY.verify_key.encode(), b"message", signature)
    assert not is_right(KEY.verify_key.encode(), b"another", signature)


def test_without_pynacl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing the reason says what could not be imported."""
    assert explain_missing() is None
    monkeypatch.setitem(sys.modules, "nacl", None)
    assert "nacl" in str(explain_missing())
