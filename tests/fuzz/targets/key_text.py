"""A key's file gives a public key that stands in it, or is refused in one line that shows nothing secret.

The input is the file.
"""

from __future__ import annotations

from binascii import a2b_base64

from knockd.client.key_text import is_private, parse_private, parse_public
from knockd_conf.key_line import format_key_line
from knockd_conf.ssh_keys import PublicKey, parse_blob

BEGIN, END = (f"-----{mark} OPENSSH PRIVATE KEY-----".encode() for mark in ("BEGIN", "END"))


def check(data: bytes) -> None:
    """Reads a file as a private and as a public key."""
    private: PublicKey | None = None
    try:
        private = parse_private(data)
    except ValueError as error:
        _check_line(str(error), data)
    if private is not None:
        assert is_private(data)
        assert parse_blob(private.blob) == private
        inside = data.strip().removeprefix(BEGIN).removesuffix(END)
        assert private.blob in a2b_base64(b"".join(inside.split()))
    try:
        public = parse_public(data)
    except ValueError as error:
        _check_line(str(error), data)
        return
    assert not is_private(data)
    assert public.comment.isprintable()
    assert parse_public(format_key_line(public).encode()) == public


def _check_line(text: str, data: bytes) -> None:
    assert text.isprintable()
    assert len(text) < 300
    words = [word for word in data.decode("utf-8", "replace").split() if len(word) > 64]
    assert not any(word in text for word in words)
