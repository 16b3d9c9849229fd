"""Texts of key files."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest

from knockd.client.key_text import MAX_SIZE, is_private, parse_private, parse_public
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import OtherKind
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import RSA, SoftKey
from tests.support.lab.ssh_agent import make_key

KEY = SoftKey(1, "lap top")
HARDWARE = SoftKey(2, "token", "ssh:")


def private(*, magic: bytes = b"openssh-key-v1\0", number: int = 1, blob: bytes = KEY.key.blob) -> bytes:
    """A private key's file, whose secret part is nothing."""
    parts = map(pack_string, (b"aes256-ctr", b"bcrypt", b"options"))
    data = magic + b"".join(parts) + number.to_bytes(4, "big") + pack_string(blob) + pack_string(bytes(99))
    text = b64encode(data)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return b"\n".join(
        [b"-----BEGIN OPENSSH PRIVATE KEY-----", *lines, b"-----END OPENSSH PRIVATE KEY-----", b""]
    )


def test_a_public_file() -> None:
    """One line of kind, key and comment, which may have spaces or be missing."""
    assert KeyLine(KEY.key, "lap top") == parse_public(KEY.line.encode())
    assert KeyLine(HARDWARE.key, "token") == parse_public(HARDWARE.line.encode())
    assert KeyLine(KEY.key) == parse_public(KEY.line.removesuffix(" lap top\n").encode())
    assert KeyLine(KEY.key, "lap top") == parse_public(b"\n" + KEY.line.encode().replace(b"\n", b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "expected one line TYPE KEY COMMENT, got none"),
        (KEY.line.encode() * 2, "expected one line TYPE KEY COMMENT, got 2"),
        (KEY.line.encode() + b" " * MAX_SIZE, f"expected at most {MAX_SIZE} bytes, got more"),
        (b"ssh-ed25519 AAAA!", "expected a key behind ssh-ed25519, got one that was cut or changed"),
        (b"ssh-rsa AAAA me", "got ssh-rsa: 'ssh-keygen -t ed25519' makes one"),
    ],
)
def test_what_is_no_public_file(text: bytes, message: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match=f"{re.escape(message)}$"):
        parse_public(text)


def test_a_comment_that_is_no_text() -> None:
    """It is made printable, and cut."""
    line = KEY.line.encode().replace(b"lap top", b"a\x1b\xff" + b"x" * 99)
    assert "a\\x1b\ufffd" + "x" * 54 + "..." == parse_public(line).comment


def test_a_private_file() -> None:
    """Its public key is read, of one with a passphrase too."""
    assert KEY.key == parse_private(private())
    assert HARDWARE.key == parse_private(private(blob=HARDWARE.key.blob))
    assert KEY.key == parse_private(private().replace(b"\n", b"\r\n"))


def test_files_of_ssh_keygen(tmp_path: Path) -> None:
    """Of a key pair that ssh-keygen has made both files have the same key, with and without a passphrase."""
    for name, passphrase in (("plain", ""), ("locked", "secret words")):
        path = make_key(tmp_path / name, name, passphrase)
        text, public = path.read_bytes(), path.with_suffix(".pub").read_bytes()
        assert is_private(text)
        assert not is_private(public)
        assert KeyLine(parse_private(text) or KEY.key, name) == parse_public(public)
    with pytest.raises(OtherKind, match="got ssh-rsa"):
        parse_private(make_key(tmp_path / "rsa", kind="rsa").read_bytes())


def test_other_formats_of_private_files() -> None:
    """They are private keys, and what is public of them is not read."""
    for kind in (b"RSA ", b"EC ", b"ENCRYPTED ", b""):
        text = b"-----BEGIN " + kind + b"PRIVATE KEY-----\nAAAA\n"
        assert is_private(text)
        assert parse_private(text) is None
    glued = private().replace(b"-----\n", b"-----", 1)
    assert (False, None) == (is_private(glued), parse_private(glued))
    assert not is_private(b"-----BEGIN CERTIFICATE-----\n")
    assert not is_private(b"")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (private(magic=b"openssh-key-v2\0"), "expected openssh-key-v1 in front, got other bytes"),
        (private(number=2), "expected one key, got 2"),
        (private(blob=RSA), "expected a key of type ssh-ed25519 or sk-ssh-ed25519@openssh.com, got ssh-rsa"),
        (private()[:-2], "expected a private key up to -----END OPENSSH PRIVATE KEY-----, got no such line"),
        (private() + b"\n" * MAX_SIZE, "expected a private key up to -----END"),
        (private().replace(b"b3Bl", b"b!Bl"), "expected a private key in base64"),
    ],
)
def test_what_is_no_private_file(text: bytes, message: str) -> None:
    """The message shows nothing of the key."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_private(text)
