"""The key that ``-k`` names: its public part, and the file that ``ssh-keygen`` signs with.

World: files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

from knockd.client.key_text import MAX_SIZE, is_private, parse_private, parse_public
from knockd.client.private_file import read_private
from knockd.client.status import CONFIG, NO_INPUT, Refused
from knockd_conf.classes import NamedTuple
from knockd_conf.ssh_keys import OtherKind, PublicKey
from knockd_conf.text import printable

PUB: Final = ".pub"
MAKE_ONE: Final = "'ssh-keygen -t ed25519' makes one"

Found = TypeVar("Found")


class KeyFile(NamedTuple):
    """A key by its file. ``private`` is the path of its private key, None where there is none."""

    key: PublicKey
    comment: str
    private: str | None


def read_key(path: str) -> KeyFile:
    """The key of a private or a public file. Raises Refused.

    A private key that only an agent has needs no file: then ``path.pub`` is enough.
    """
    if path.endswith(PUB):
        private = path.removesuffix(PUB)
        return _public(path, private if os.path.exists(private) else None)
    text = _read(path)
    if text is None and os.path.exists(path + PUB):
        return _public(path + PUB, None)
    if text is None or not is_private(text):
        return _public(path, None)
    key = _parse(path, parse_private, read_private(path, MAX_SIZE, "key"))
    if key is not None:
        return KeyFile(key, _comment_beside(path, key), path)
    if not os.path.exists(path + PUB):
        first = printable(text.lstrip().partition(b"\n")[0].decode("utf-8", "replace").strip())
        raise Refused(
            CONFIG,
            f"{_place(path)}: expected OpenSSH's format, or {printable(path)}.pub beside it, got {first}",
        )
    return _public(path + PUB, path)


def _comment_beside(path: str, key: PublicKey) -> str:
    """The comment that the public file of a private key has, if it is a file of this key."""
    try:
        named = parse_public(_read(path + PUB) or b"")
    except ValueError:
        return ""
    return named.comment if named.key == key else ""


def _public(path: str, private: str | None) -> KeyFile:
    text = _read(path)
    if text is None:
        raise Refused(NO_INPUT, f"{_place(path)}: expected a private or a public key, got no such file")
    named = _parse(path, parse_public, text)
    return KeyFile(named.key, named.comment, private)


def _parse(path: str, parse: Callable[[bytes], Found], text: bytes) -> Found:
    try:
        return parse(text)
    except OtherKind as other:
        raise Refused(CONFIG, f"{_place(path)}: {other}; {MAKE_ONE}") from None
    except ValueError as error:
        raise Refused(CONFIG, f"{_place(path)}: {error}") from None


def _read(path: str) -> bytes | None:
    """The bytes of a file, at most one too many; None where there is none. Raises Refused."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(NO_INPUT, f"{_place(path)}: {error.strerror}") from None


def _place(path: str) -> str:
    return f"key {printable(path)}"
