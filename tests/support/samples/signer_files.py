"""A configuration of signed knocks in a directory, and lines of keys, for tests of knockctl."""

from __future__ import annotations

from pathlib import Path

from knockd_conf.authorized_keys import format_authorized
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PublicKey

LAPTOP = KeyLine(PublicKey(bytes(range(32))), "laptop")
PHONE = KeyLine(PublicKey(bytes(32)), "phone")
TOKEN = KeyLine(PublicKey(bytes([7]) * 32, "ssh:"), "token")
LAPTOP_LINE, PHONE_LINE, TOKEN_LINE = map(format_authorized, (LAPTOP, PHONE, TOKEN))

SIGNED_CONFIG = """
[options]
Signed_Port = 4711
Knock_Secret = {}/secret
Authorized_Keys = {}/all
[ssh]
Sequence = 1,2
[web]
Sequence = 3,4
[mail]
Sequence = 5,6
Authorized_Keys = {}/mail
[old]
Sequence = 7,8
Signed_Port = none
"""
"""ssh and web have one file, mail another one, old none."""


def write_config(directory: Path, text: str = SIGNED_CONFIG) -> Path:
    """Writes the configuration; its path."""
    path = directory / "knockd.conf"
    path.write_text(text.replace("{}", str(directory)))
    path.chmod(0o600)
    return path


def write_keys(path: Path, *lines: str) -> Path:
    """Writes a file of keys, which others may not change; its path."""
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path
