"""Lines of .pub files."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from knockd_conf.key_line import KeyLine, format_key_line, parse_key_line
from knockd_conf.ssh_keys import HARDWARE, PublicKey
from tests.support.lab.tools import need

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop"
KEY = KeyLine(PublicKey(bytes(range(32))), "me@laptop")
TOKEN = KeyLine(PublicKey(bytes(range(32)), "ssh:"), "token")


def packed(*parts: bytes) -> str:
    """The base64 of a key with these fields."""
    return b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


GOOD = packed(b"ssh-ed25519", bytes(32))


def test_a_line() -> None:
    """Type, key and comment."""
    assert KEY == parse_key_line(LINE + "\r\n")
    assert LINE == format_key_line(KEY)


@pytest.mark.parametrize("key", [KEY, TOKEN, KeyLine(PublicKey(bytes(32))), TOKEN._replace(comment="a b")])
def test_there_and_back(key: KeyLine) -> None:
    """A key is read as it was written."""
    assert key == parse_key_line(format_key_line(key))


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_fingerprints_are_those_of_ssh_keygen(key: KeyLine, tmp_path: Path) -> None:
    """ssh-keygen -l prints the same."""
    file = tmp_path / "key.pub"
    file.write_text(format_key_line(key) + "\n")
    said = subprocess.run(
        [need("ssh-keygen"), "-l", "-f", str(file)], capture_output=True, text=True, check=True
    )
    assert key.key.fingerprint == said.stdout.split()[1]


TYPES = "ssh-ed25519 or sk-ssh-ed25519@openssh.com"
OTHER_TYPE = f"expected a key of type {TYPES}, got {{}}: 'ssh-keygen -t ed25519' makes one"
INSIDE = "expected a key of type {}, as is written before it"
CUT = "expected a key behind ssh-ed25519, got one that was cut or changed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected one line TYPE KEY COMMENT, got none"),
        (f"{LINE}\n{LINE}", "expected one line TYPE KEY COMMENT, got 2"),
        ("hello world", "expected a line that begins with ssh-ed25519 or sk-ssh-ed25519@openssh.com"),
        ("ssh-rsa\x13 AAAA", "expected a line that begins with ssh-ed25519 or sk-ssh-ed25519@openssh.com"),
        (f"ssh-rsa{GOOD} me", "expected a line that begins with ssh-ed25519 or sk-ssh-ed25519@openssh.com"),
        ("ssh-ed25519", "expected a key behind ssh-ed25519, got none"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3",
            "expected a public key, got a private key: name the file that ends in .pub",
        ),
        (
            "PuTTY-User-Key-File-3: ssh-ed25519",
            "expected a public key, got a private key: name the file that ends in .pub",
        ),
        *(
            (f"{kind} AAAA", OTHER_TYPE.format(kind))
            for kind in ("ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "sk-ecdsa-sha2-nistp256@openssh.com")
        ),
        (
            "ssh-ed25519-cert-v01@openssh.com AAAA",
            "expected a key, got a certificate (ssh-ed25519-cert-v01@openssh.com): take the .pub file"
            " of the key itself",
        ),
        ("ssh-ed25519 hello", CUT),
        ("ssh-ed25519 \xe9", CUT),
        (f"ssh-ed25519 {GOOD[:-1]}", CUT),
        (f"ssh-ed25519 {GOOD[:-4]}", CUT),
        (f"ssh-ed25519 {GOOD}AAAA", CUT),
        (f"ssh-ed25519 {packed(b'ssh-ed25519', bytes(32), b'')}", CUT),
        (f"ssh-ed25519 {packed(b'ssh-ed25519')}", CUT),
        (f"ssh-ed25519 {packed(b'ssh-ed25519', bytes(31))}", CUT),
        (f"ssh-ed25519 {packed(b'ssh-rsa', b'')}", f"{INSIDE.format('ssh-ed25519')}, got another"),
        (f"{HARDWARE} {GOOD}", f"{INSIDE.format(HARDWARE)}, got ssh-ed25519"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """The message says what was expected and what was seen, never the text of a key."""
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_key_line(text)
