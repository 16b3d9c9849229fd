"""The text of a file with a host's knock secret or a fleet's key: base64 of 32 bytes on one line, comments.

No message shows a line. The client imports this file.

Pure.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.signed_packet import SECRET_BYTES

MAX_SIZE: Final = 4_096
"""Largest file, in bytes; callers read at most one byte more and let ``parse_secret`` refuse it."""


class Kind(NamedTuple):
    """What a file's secret is called, what makes one, and the first line of a new file."""

    name: str
    maker: str
    comment: str


KNOCK: Final = Kind(
    "knock secret",
    "knockctl keygen --host",
    "# Knock secret of this host: its clients have it too. It hides knocks, and opens nothing.",
)
FLEET: Final = Kind(
    "key of a fleet",
    "knockctl keygen --fleet",
    "# Key of a fleet: all its gateways have it, and nobody else. Who has it can open their doors.",
)


def parse_secret(data: bytes, kind: Kind = KNOCK) -> bytes:
    """The secret of a file. Raises ValueError, whose message begins with the line where there is one."""
    if len(data) > MAX_SIZE:
        raise ValueError(f"expected at most {MAX_SIZE} bytes, got more")
    make_one = f"'{kind.maker}' makes one"
    found: list[tuple[int, bytes]] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.strip(b" \t\r")
        if text and not text.startswith(b"#"):
            found.append((number, text))
    if not found:
        raise ValueError(f"expected a line with the {kind.name}, got none: {make_one}")
    if len(found) > 1:
        raise ValueError(f"line {found[1][0]}: expected one line with the {kind.name}, got another")
    number, text = found[0]
    try:
        secret = a2b_base64(text, strict_mode=True)
    except Error:
        raise ValueError(f"line {number}: expected base64 of {SECRET_BYTES} bytes: {make_one}") from None
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"line {number}: expected {SECRET_BYTES} bytes, got {len(secret)}: {make_one}")
    if b2a_base64(secret, newline=False) != text:  # the last character holds two bits of nothing
        raise ValueError(f"line {number}: expected base64, got one that was changed at its end")
    return secret


def format_secret(secret: bytes) -> str:
    """The line of a secret, without a newline."""
    return b2a_base64(secret, newline=False).decode()
