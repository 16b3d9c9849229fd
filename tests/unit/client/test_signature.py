"""Signatures as SSH hands them over."""

from __future__ import annotations

import pytest

from knockd.client.signature import Signature, parse_signature
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import SoftKey

PLAIN = PublicKey(bytes(32))
HARDWARE = PublicKey(bytes(32), "ssh:")
RAW = bytes(range(64))


def packed(kind: bytes, raw: bytes = RAW, more: bytes = b"") -> bytes:
    """A signature of a kind."""
    return pack_string(kind) + pack_string(raw) + more


def test_a_signature_of_ed25519() -> None:
    """It has 64 bytes, and neither flags nor a counter."""
    assert Signature(RAW, 0, 0) == parse_signature(packed(b"ssh-ed25519"), PLAIN)


def test_a_signature_of_hardware() -> None:
    """Flags and counter stand behind the 64 bytes."""
    data = packed(b"sk-ssh-ed25519@openssh.com", more=b"\x05\x00\x01\x02\x03")
    assert Signature(RAW, 5, 0x00010203) == parse_signature(data, HARDWARE)
    key = SoftKey(1, application="ssh:")
    assert (1, 1) == parse_signature(key.sign(b"x"), key.key)[1:]


@pytest.mark.parametrize(
    ("data", "key", "message"),
    [
        (packed(b"ssh-rsa"), PLAIN, "expected a signature of kind ssh-ed25519, got 'ssh-rsa'"),
        (packed(b"\xff\x1b"), PLAIN, r"kind ssh-ed25519, got '\ufffd\\x1b'"),
        (packed(b"ssh-ed25519"), HARDWARE, "kind sk-ssh-ed25519@openssh.com, got 'ssh-ed25519'"),
        (packed(b"ssh-ed25519", RAW[:-1]), PLAIN, "expected a signature of 64 bytes, got 63"),
        (packed(b"ssh-ed25519", RAW + b"x"), PLAIN, "expected a signature of 64 bytes, got 65"),
        (packed(b"ssh-ed25519", more=b"x"), PLAIN, "expected the end at byte 83, got 1 bytes more"),
        (packed(b"sk-ssh-ed25519@openssh.com"), HARDWARE, "expected 1 bytes at byte 98, got 0"),
        (
            packed(b"sk-ssh-ed25519@openssh.com", more=b"\1\0\0\0"),
            HARDWARE,
            "expected 4 bytes at byte 99, got 3",
        ),
        (packed(b"sk-ssh-ed25519@openssh.com", more=bytes(6)), HARDWARE, "got 1 bytes more"),
        (b"", PLAIN, "expected 4 bytes at byte 0, got 0"),
    ],
)
def test_what_is_none(data: bytes, key: PublicKey, message: str) -> None:
    """Everything that is not exactly as it has to be is refused with what was seen."""
    with pytest.raises(ValueError, match=message):
        parse_signature(data, key)
