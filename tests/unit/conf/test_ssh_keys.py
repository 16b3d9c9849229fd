"""Public keys of OpenSSH."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from knockd_conf.ssh_keys import OtherKind, PublicKey, fingerprint_of, parse_base64, parse_blob
from knockd_conf.ssh_wire import pack_string

LINE = "AAAAC3NzaC1lZDI1NTE5AAAAIGmeKB8g+qJc0Aj2KJ35tx3r5ahoPjn+CvI9aykbx9iu"
"""Made by ssh-keygen of OpenSSH 9.2, as its fingerprint."""

FINGERPRINT = "SHA256:N13X9yWdS57MUY5o2aguCvrQTj4PRWT9w28A9ttZdUQ"
PUBLIC = bytes(range(32))
SK = PublicKey(PUBLIC, "ssh:")


def test_a_line_of_openssh() -> None:
    """The text behind ``ssh-ed25519`` is a key, with OpenSSH's fingerprint."""
    key = parse_base64(LINE)
    assert ("ssh-ed25519", None) == (key.kind, key.application)
    assert b64decode(LINE)[-32:] == key.public
    assert FINGERPRINT == key.fingerprint
    assert b64decode(LINE) == key.blob


def test_a_key_in_hardware() -> None:
    """Its bytes have the application behind the key."""
    blob = b"".join(map(pack_string, (b"sk-ssh-ed25519@openssh.com", PUBLIC, b"ssh:")))
    assert blob == SK.blob
    assert SK == parse_blob(blob)
    assert "sk-ssh-ed25519@openssh.com" == SK.kind
    assert fingerprint_of(blob) == SK.fingerprint


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com"])
def test_another_kind_is_named(kind: str) -> None:
    """A key that cannot sign a knock is refused by the name of its kind."""
    with pytest.raises(OtherKind, match=f"expected a key of type .*, got {kind}") as caught:
        parse_blob(pack_string(kind.encode()) + pack_string(b"\1\0\1"))
    assert kind == caught.value.kind


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((b"ssh-ed25519", bytes(31)), "expected a public key of 32 bytes, got 31"),
        ((b"ssh-ed25519", PUBLIC, b""), "expected the end at byte 51, got 4 bytes more"),
        ((b"ssh-ed25519",), "expected 4 bytes at byte 15, got 0"),
        ((b"sk-ssh-ed25519@openssh.com", PUBLIC), "expected 4 bytes at byte 66, got 0"),
        ((b"sk-ssh-ed25519@openssh.com", PUBLIC, b"\xff"), "in UTF-8, got other bytes"),
        ((b"",), "expected the name of a type of keys"),
        ((b"a b",), "expected the name of a type of keys"),
        ((b"\x1b[2J",), "expected the name of a type of keys"),
        ((b"a" * 65,), "expected the name of a type of keys"),
    ],
)
def test_what_is_no_key(parts: tuple[bytes, ...], message: str) -> None:
    """Every mistake has its message; none of them is another kind of key."""
    with pytest.raises(ValueError, match=message) as caught:
        parse_blob(b"".join(map(pack_string, parts)))
    assert not isinstance(caught.value, OtherKind)


@pytest.mark.parametrize(
    "text", ["", "=", LINE[:-1], f"{LINE}=", f"{LINE[:20]} {LINE[20:]}", f"{LINE[:-1]}€", "AAAA-_8="]
)
def test_what_is_no_base64(text: str) -> None:
    """Only the one way to write the bytes is taken."""
    with pytest.raises(ValueError, match="expected the key in base64"):
        parse_base64(text)


def test_bits_that_count_for_nothing() -> None:
    """A text that only differs in the unused bits of its last character is refused."""
    good = b64encode(SK.blob).decode()
    assert good.endswith("=")
    at = good.index("=") - 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(good[at]) + 1]
    with pytest.raises(ValueError, match="expected the key in base64"):
        parse_base64(good[:at] + other + good[at + 1 :])
