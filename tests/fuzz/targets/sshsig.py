"""A text is the one way to write a signature of the key for knocks, or is refused in one line.

The input is what ssh-keygen has written.
"""

from __future__ import annotations

from binascii import a2b_base64

from knockd.client.signature import Signature
from knockd.client.sshsig import BEGIN, END, parse_sshsig
from knockd_conf.signed_packet import NAMESPACE
from knockd_conf.ssh_keys import PublicKey
from knockd_conf.ssh_wire import pack_string
from tests.support.samples.signed_vectors import KEYS

ALL = tuple(PublicKey(KEYS[name].public, KEYS[name].application) for name in ("alice", "token"))


def check(data: bytes) -> None:
    """Reads a signature of either key, and puts it together again."""
    for key in ALL:
        found, refused = _read(data, key)
        if found is None:
            assert refused.isprintable()
            assert 0 < len(refused) < 300
            continue
        told = b"" if key.application is None else bytes((found.flags,)) + found.counter.to_bytes(4, "big")
        signature = pack_string(key.kind.encode()) + pack_string(found.raw) + told
        parts = (key.blob, NAMESPACE.encode(), b"", b"sha512", signature)
        first, *middle, last = (
            data.removesuffix(b"\n").replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")
        )
        assert (first, last) == (BEGIN, END)
        assert a2b_base64(b"".join(middle)) == b"SSHSIG\0\0\0\1" + b"".join(map(pack_string, parts))


def _read(data: bytes, key: PublicKey) -> tuple[Signature | None, str]:
    try:
        return parse_sshsig(data, key), ""
    except ValueError as error:
        return None, str(error)
