"""Public keys of OpenSSH that can sign a knock: their bytes, names, fingerprints, and their lines as text.

Pure.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.hashes import hash_sha256
from knockd_conf.ssh_wire import Reader, pack_string

ED25519: Final = "ssh-ed25519"
HARDWARE: Final = "sk-ssh-ed25519@openssh.com"
"""A key in hardware (PROTOCOL.u2f)."""

KINDS: Final = (ED25519, HARDWARE)
PUBLIC_BYTES: Final = 32


class OtherKind(ValueError):
    """A public key that is none of Ed25519; ``kind`` is its name, printable."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"expected a key of type {ED25519} or {HARDWARE}, got {kind}")
        self.kind = kind


class PublicKey(NamedTuple):
    """The 32 bytes of an Ed25519 key (RFC 8032). ``application`` is that of a hardware key, else None."""

    public: bytes
    application: str | None = None

    @property
    def kind(self) -> str:
        """The key's kind as SSH names it."""
        return ED25519 if self.application is None else HARDWARE

    @property
    def blob(self) -> bytes:
        """The key as SSH sends it (RFC 8709, section 4; PROTOCOL.u2f)."""
        parts = [self.kind.encode(), self.public]
        if self.application is not None:
            parts.append(self.application.encode())
        return b"".join(map(pack_string, parts))

    @property
    def fingerprint(self) -> str:
        """OpenSSH's, ``SHA256:...``."""
        return fingerprint_of(self.blob)


def fingerprint_of(blob: bytes) -> str:
    """The fingerprint of any public key, as OpenSSH prints it."""
    return f"SHA256:{b2a_base64(hash_sha256(blob), newline=False).decode().rstrip('=')}"


def parse_blob(blob: bytes) -> PublicKey:
    """A key out of its bytes. Raises OtherKind, and ValueError for what is no public key."""
    reader = Reader(blob)
    kind = _kind(reader.string())
    if kind not in KINDS:
        raise OtherKind(kind)
    public = reader.string()
    if len(public) != PUBLIC_BYTES:
        raise ValueError(f"expected a public key of {PUBLIC_BYTES} bytes, got {len(public)}")
    application = None
    if kind == HARDWARE:
        try:
            application = reader.string().decode()
        except UnicodeDecodeError:
            raise ValueError("expected the application of a hardware key in UTF-8, got other bytes") from None
    reader.end()
    return PublicKey(public, application)


def parse_base64(text: str) -> PublicKey:
    """A key out of the text that stands behind its kind. Raises OtherKind and ValueError."""
    try:
        blob = a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        blob = b""
    if not blob or b2a_base64(blob, newline=False).decode() != text:
        raise ValueError("expected the key in base64")
    return parse_blob(blob)


def _kind(name: bytes) -> str:
    """The name of a kind; raises ValueError for what can be none (RFC 4251, section 6)."""
    text = name.decode("ascii", "replace")
    if not name or len(name) > 64 or not all("!" <= c <= "~" for c in text):
        raise ValueError("expected the name of a type of keys")
    return text
