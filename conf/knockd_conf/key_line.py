"""The line of a ``.pub`` file: type, key and comment. The client imports this file.

Pure.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.ssh_keys import KINDS, OtherKind, PublicKey, parse_base64

_OTHERS: Final = ("ssh-rsa", "rsa-sha2-", "ssh-dss", "ecdsa-sha2-", "sk-ecdsa-sha2-", "ssh-xmss")
_CERTIFICATE: Final = "-cert-v01@openssh.com"
_MAKE_ONE: Final = "'ssh-keygen -t ed25519' makes one"
MAX_KIND: Final = 64
"""Longest name of a type, in characters (RFC 4251, section 6)."""

EITHER: Final = " or ".join(KINDS)


class KeyLine(NamedTuple):
    """A public key and what its owner calls it; ``comment`` is as it was written, or empty."""

    key: PublicKey
    comment: str = ""


def parse_key_line(text: str) -> KeyLine:
    """The key of a ``.pub`` file: ``TYPE KEY COMMENT`` on its one line. Raises ValueError."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if any("PRIVATE KEY-----" in line or line.startswith("PuTTY-User-Key-File") for line in lines):
        raise ValueError("expected a public key, got a private key: name the file that ends in .pub")
    if len(lines) != 1:
        raise ValueError(f"expected one line TYPE KEY COMMENT, got {len(lines) or 'none'}")
    kind, *rest = lines[0].split(None, 2)
    if not is_kind(kind):
        raise ValueError(f"expected a line that begins with {EITHER}")
    if not rest:
        raise ValueError(f"expected a key behind {kind}, got none")
    return KeyLine(read_key(kind, rest[0]), rest[1].strip() if len(rest) > 1 else "")


def format_key_line(line: KeyLine) -> str:
    """The line of a ``.pub`` file, without a newline."""
    text = b2a_base64(line.key.blob, newline=False).decode()
    return f"{line.key.kind} {text} {line.comment}".rstrip()


def is_kind(word: str) -> bool:
    """Whether a word is the type of a key, be it one that signs knocks or not."""
    named = len(word) <= MAX_KIND and word.isascii() and word.isprintable()
    return named and (word in KINDS or word.startswith(_OTHERS) or word.endswith(_CERTIFICATE))


def read_key(kind: str, text: str) -> PublicKey:
    """The key of a type (see ``is_kind``) and its base64. Raises ValueError, which does not show the text."""
    if kind.endswith(_CERTIFICATE):
        raise ValueError(f"expected a key, got a certificate ({kind}): take the .pub file of the key itself")
    if kind not in KINDS:
        raise ValueError(f"expected a key of type {EITHER}, got {kind}: {_MAKE_ONE}")
    try:
        key = parse_base64(text)
    except OtherKind:
        raise ValueError(f"expected a key of type {kind}, as is written before it, got another") from None
    except ValueError:
        raise ValueError(f"expected a key behind {kind}, got one that was cut or changed") from None
    if key.kind != kind:
        raise ValueError(f"expected a key of type {kind}, as is written before it, got {key.kind}")
    return key
