"""Signatures by libsodium: those of the RFC, of ssh-keygen, and those that more lenient checks let pass."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode, encodebytes
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from knockd.signed.signature import explain_missing, is_right
from knockd_conf.hashes import hash_sha256
from knockd_conf.signed_packet import NAMESPACE, blob_of
from tests.support.lab.tools import need
from tests.support.oracles import ed25519
from tests.support.samples.signed_vectors import KEYS, VECTORS

KEY = SigningKey(bytes(range(32)))
PUBLIC = KEY.verify_key.encode()

SMALL = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""All points whose order divides 8, as keys have them."""


def test_a_right_one() -> None:
    """A signature counts for what was signed, and for nothing else."""
    signature = KEY.sign(b"message").signature
    assert is_right(PUBLIC, b"message", signature)
    assert not is_right(PUBLIC, b"another", signature)
    assert not is_right(PUBLIC, b"", signature)
    for bit in range(0, 512, 7):
        number = int.from_bytes(signature, "big") ^ 1 << bit
        assert not is_right(PUBLIC, b"message", number.to_bytes(64, "big"))


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
            "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
            "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ],
)
def test_of_the_rfc(public: str, message: str, signature: str) -> None:
    """RFC 8032, section 7.1, tests 1 and 2."""
    assert is_right(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_of_vectors(vector: Any) -> None:
    """Those of the published packets, of keys in files and of hardware keys."""
    assert is_right(KEYS[vector.key].public, vector.signed, vector.signature)


@pytest.mark.parametrize("public", SMALL)
def test_key_of_small_order(public: str) -> None:
    """Who puts such a key into the file lets everybody in whose check is lenient: one signature is right."""
    key, found = bytes.fromhex(public), 0
    for number in range(64):
        message = number.to_bytes(8, "big")
        for commitment in SMALL:
            signature = bytes.fromhex(commitment) + bytes(32)
            found += ed25519.is_right(key, message, signature)
            assert not is_right(key, message, signature)
    assert found > 0


@pytest.mark.parametrize(
    "encoded", ["ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "01" + "00" * 30 + "80"]
)
def test_key_that_is_written_otherwise(encoded: str) -> None:
    """A point of small order is one by its other encodings, too."""
    for number in range(64):
        for commitment in (*SMALL, encoded):
            signature = bytes.fromhex(commitment) + bytes(32)
            assert not is_right(bytes.fromhex(encoded), bytes([number]), signature)


def test_commitment_of_small_order() -> None:
    """The owner of a key can make a signature that is right by the equation; it is refused all the same."""
    public = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
    number = bytes.fromhex("ac30d8826cec749063fdcee855d4573132a5b2267e2aa07fa34346ef07a5ca07")
    assert public == PUBLIC
    signature = bytes.fromhex(SMALL[2]) + number
    assert ed25519.is_right(public, b"knock", signature)
    assert not is_right(public, b"knock", signature)


def test_number_that_is_too_high() -> None:
    """Nobody makes another signature of one that he has seen (RFC 8032, section 5.1.7)."""
    signature = KEY.sign(b"message").signature
    number = int.from_bytes(signature[32:], "little")
    for times in range(1, 15):
        higher = (number + times * ed25519.L).to_bytes(32, "little")
        assert not is_right(PUBLIC, b"message", signature[:32] + higher)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_key_of_another_length(size: int) -> None:
    """It is none."""
    assert not is_right(bytes(size), b"message", bytes(64))


@pytest.mark.parametrize("size", [0, 63])
def test_short_signature(size: int) -> None:
    """It is none."""
    assert not is_right(PUBLIC, b"message"[:0], bytes(size))


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.application is None])
def test_of_ssh_keygen(tmp_path: Path, name: str) -> None:
    """What ``ssh-keygen -Y sign`` makes of a message is right over its blob."""
    program, key, message = need("ssh-keygen"), tmp_path / "key", b"\x00any bytes\xff\n"
    key.touch(0o600)
    key.write_text(KEYS[name].private_file)
    command = [program, "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)]
    made = subprocess.run(command, input=message, capture_output=True, check=True).stdout
    signature = b64decode(b"".join(made.splitlines()[1:-1]))[-64:]
    assert is_right(KEYS[name].public, blob_of(message), signature)
    assert not is_right(KEYS[name].public, message, signature)


def test_of_a_hardware_key_as_ssh_keygen_takes_it(tmp_path: Path) -> None:
    """What is right by us is so by ``ssh-keygen -Y verify``, and what is wrong is wrong."""
    program, token = need("ssh-keygen"), next(key for key in KEYS.values() if key.application == "ssh:")
    message = b"what is signed"
    flags_and_counter = bytes((1, 0, 0, 0, 9))
    signed = hash_sha256(b"ssh:") + flags_and_counter + hash_sha256(blob_of(message))
    raw = SigningKey(token.seed).sign(signed).signature
    assert is_right(token.public, signed, raw)
    (tmp_path / "allowed").write_text(f"anne {token.line}\n")
    for signature, status in ((raw, 0), (raw[:-1] + bytes((raw[-1] ^ 1,)), 255)):
        (tmp_path / "signature").write_text(
            _sshsig(b64decode(token.line.split()[1]), signature, flags_and_counter)
        )
        command = [program, "-Y", "verify", "-n", NAMESPACE, "-I", "anne"]
        command += ["-f", str(tmp_path / "allowed"), "-s", str(tmp_path / "signature")]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
        assert (done.returncode == 0) == (status == 0), done.stderr
        assert is_right(token.public, signed, signature) == (status == 0)


def _sshsig(blob: bytes, signature: bytes, flags_and_counter: bytes) -> str:
    """The file of a signature (PROTOCOL.sshsig, PROTOCOL.u2f)."""

    def string(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    whole = string(b"sk-ssh-ed25519@openssh.com") + string(signature) + flags_and_counter
    data = b"SSHSIG" + (1).to_bytes(4, "big") + string(blob) + string(NAMESPACE.encode())
    data += string(b"") + string(b"sha512") + string(whole)
    marks = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
    return f"{marks[0]}\n{encodebytes(data).decode()}{marks[1]}\n"


def test_without_pynacl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing the reason says what could not be imported, and the extra that brings it."""
    assert explain_missing() is None
    monkeypatch.setitem(sys.modules, "nacl", None)
    assert "import of nacl halted" in str(explain_missing())
    assert "pip install PyNaCl" in str(explain_missing())


def test_nothing_is_loaded_before() -> None:
    """Whoever imports the doors of signed knocks has not imported PyNaCl by that."""
    code = "import sys, knockd.signed.signed_doors; print('nacl' in sys.modules)"
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
