"""What ssh-keygen -Y sign prints."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from knockd.client.signature import Signature
from knockd.client.sshsig import MAX_SIZE, parse_sshsig
from knockd_conf.signed_packet import NAMESPACE, blob_of
from knockd_conf.ssh_wire import pack_string
from tests.support.doubles.fake_agent import SoftKey
from tests.support.lab.tools import need

KEY = SoftKey(1)
HARDWARE = SoftKey(2, application="ssh:")
SPACE = NAMESPACE.encode()
SIGNED = KEY.sign(b"blob")


def binary(
    *,
    magic: bytes = b"SSHSIG",
    version: int = 1,
    key: bytes = KEY.key.blob,
    signature: bytes = SIGNED,
    **more: bytes,
) -> bytes:
    """A signature's bytes, with one thing or another changed."""
    parts = (key, more.get("space", SPACE), more.get("reserved", b""), more.get("hash", b"sha512"), signature)
    return magic + version.to_bytes(4, "big") + b"".join(map(pack_string, parts)) + more.get("tail", b"")


def armored(data: bytes, width: int = 70, newline: bytes = b"\n") -> bytes:
    """The lines of a signature."""
    text = b64encode(data)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return newline.join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])


def test_a_signature() -> None:
    """The 64 bytes come out, whatever ends the lines; the last one may have no end."""
    expected = Signature(SIGNED[-64:])
    assert expected == parse_sshsig(armored(binary()), KEY.key)
    assert expected == parse_sshsig(armored(binary(), newline=b"\r\n"), KEY.key)
    assert expected == parse_sshsig(armored(binary(), 76).removesuffix(b"\n"), KEY.key)


def test_a_signature_of_hardware() -> None:
    """Flags and counter come out too."""
    data = binary(key=HARDWARE.key.blob, signature=HARDWARE.sign(b"blob"))
    assert (1, HARDWARE.counter) == parse_sshsig(armored(data), HARDWARE.key)[1:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (binary(magic=b"SSHSIH"), "expected SSHSIG in front, got other bytes"),
        (binary(version=2), "expected version 1, got 2"),
        (
            binary(key=HARDWARE.key.blob),
            f"expected a signature of {KEY.key.fingerprint}, got one of another key",
        ),
        (binary(space=b"file"), "expected the namespace 'signed-knock-1@knockd', got 'file'"),
        (binary(space=b""), "expected the namespace 'signed-knock-1@knockd', got ''"),
        (binary(reserved=b"x"), "expected the reserved string '', got 'x'"),
        (binary(hash=b"sha256"), "expected the hash 'sha512', got 'sha256'"),
        (binary(tail=b"x"), "got 1 bytes more"),
        (binary(signature=SIGNED[:-1]), "expected 64 bytes at byte 19, got 63"),
        (binary(signature=HARDWARE.sign(b"blob")), "expected a signature of kind ssh-ed25519, got 'sk-ssh"),
        (binary()[:-1], "expected 83 bytes at byte"),
        (b"SSH", "expected 6 bytes at byte 0, got 3"),
    ],
)
def test_what_was_not_asked_for(data: bytes, message: str) -> None:
    """Each part is held to what was asked for."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_sshsig(armored(data), KEY.key)


GOOD = armored(binary())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"-----BEGIN SSH SIGNATURE-----",
        GOOD[1:],
        b" " + GOOD,
        b"Signing\n" + GOOD,
        GOOD + b"\n",
        GOOD.removesuffix(b"-\n"),
        GOOD.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
    ],
)
def test_other_lines(text: bytes) -> None:
    """Nothing stands in front of the first line or behind the last one."""
    with pytest.raises(ValueError, match="expected lines from -----BEGIN SSH SIGNATURE-----"):
        parse_sshsig(text, KEY.key)


@pytest.mark.parametrize(
    "text",
    [
        armored(b""),
        GOOD + GOOD,
        armored(binary(), 80),
        GOOD.replace(b"U1NI", b"U1N!"),
        GOOD.replace(b"U1NI", b"U1 I"),
        GOOD.replace(b"U1NI", b"=1NI"),
        GOOD.replace(b"\n-----END", b"=\n-----END"),
    ],
)
def test_other_base64(text: bytes) -> None:
    """Lines are base64, not too long, written in the one way."""
    with pytest.raises(ValueError, match="expected base64 in lines of at most 76 characters, got others"):
        parse_sshsig(text, KEY.key)


def test_a_text_that_is_too_long() -> None:
    """It is not looked at."""
    with pytest.raises(ValueError, match="expected at most 4096 bytes, got more"):
        parse_sshsig(GOOD.ljust(MAX_SIZE + 1, b"\n"), KEY.key)


def test_openssh_takes_signatures_like_these(tmp_path: Path) -> None:
    """What the doubles sign, in hardware too, ssh-keygen verifies: the tests rest on right signatures."""
    message = b"message"
    for one in (SoftKey(1), SoftKey(2, application="ssh:")):
        data = binary(key=one.key.blob, signature=one.sign(blob_of(message)))
        (tmp_path / "sig").write_bytes(armored(data))
        (tmp_path / "signers").write_text(f"me {one.line}")
        command = (need("ssh-keygen"), "-Y", "verify", "-n", NAMESPACE, "-I", "me", "-s", tmp_path / "sig")
        done = subprocess.run(
            [*command, "-f", tmp_path / "signers"],
            input=message,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (0, f'Good "{NAMESPACE}" signature for me'.encode()) == (done.returncode, done.stdout[:45])
