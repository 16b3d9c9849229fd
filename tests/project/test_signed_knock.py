"""docs/spec/signed-knock: the page's example, its vectors, and the client that was written from the page."""

from __future__ import annotations

import json
import os
import re
import runpy
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import pytest

from knockd.signed.signature import is_right
from knockd_conf.signed_packet import (
    MINUTE,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    derive_host,
    derive_minute,
    nonce_of,
    pack_bound,
    select_door,
)
from knockd_conf.signed_packet import message_of as message_of_ours
from tests.support.lab.ssh_agent import SshAgent
from tests.support.lab.tools import need
from tests.support.oracles import signed_model as model
from tests.support.oracles.make_signed_vectors import make_page
from tests.support.samples.signed_vectors import KEYS, PAGE, VECTORS, Vector, read_page

SPEC = PAGE.parent
CLIENT = SPEC / "signed-knock.py"
TEXT = (SPEC / "signed-knock.md").read_text()
EXAMPLE = TEXT.partition("\n## 7. A worked example\n")[2].partition("\n## 8.")[0]

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
of_files = [vector for vector in VECTORS if KEYS[vector.key].application is None]


def named(name: str) -> Vector:
    """A vector by its name."""
    return next(one for one in VECTORS if one.name == name)


def address_of(vector: Vector) -> bytes:
    """The packed address that a vector is bound to, as sockets have it."""
    if vector.address is None:
        return b""
    family = socket.AF_INET6 if ":" in vector.address else socket.AF_INET
    return socket.inet_pton(family, vector.address)


def request_of(vector: Vector) -> Request:
    """What the product makes the packet of a vector of."""
    bound = vector.address is not None
    return Request(
        Verb[vector.verb.upper()],
        int(bound),
        select_door(vector.door),
        vector.flags,
        vector.counter,
        0,
        pack_bound(address_of(vector)) if bound else bytes(16),
        vector.signature,
    )


@pytest.fixture(scope="module")
def client() -> dict[str, Any]:
    """The functions of the reference client."""
    return runpy.run_path(str(CLIENT))


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """The file of section 10."""
    made = tmp_path / "secret"
    made.touch(0o600)
    made.write_text(f"# of home\n{b64encode(bytes(range(32))).decode()}\n")
    return made


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[[str], Path]:
    """Private keys of the vectors as files of OpenSSH."""
    need("ssh-keygen")

    def write(name: str) -> Path:
        made = tmp_path / name
        made.touch(0o600)
        made.write_text(KEYS[name].private_file)
        return made

    return write


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A UDP socket on this host that packets are sent to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(30)
        yield made


def test_the_vectors_are_those_of_the_slow_model() -> None:
    """The file is as make signed-vectors writes it, with nothing of the product's code."""
    assert make_page() == PAGE.read_text()


def test_what_vectors_there_are() -> None:
    """Everything is in them that an implementation may do otherwise."""
    assert f"{len(VECTORS)} packets" in TEXT
    assert len({one.name for one in VECTORS}) == len(VECTORS)
    assert {"open", "renew", "close"} == {one.verb for one in VECTORS}
    assert {0, 2**32 - 1, 2**32, 2**53 - 1} <= {one.minute for one in VECTORS}
    assert {1, 128} <= {len(one.door_utf8) for one in VECTORS}
    assert any(not one.door.isascii() for one in VECTORS)
    assert {0, 4, 16} == {len(address_of(one)) for one in VECTORS}
    assert {None, "ssh:", "ssh:knocks"} == {KEYS[one.key].application for one in VECTORS}
    assert {0, 1, 5} == {one.flags for one in VECTORS}
    assert len({one.packet for one in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("one", read_page()["minutes"], ids=lambda one: str(one["seconds"]))
def test_minutes(one: dict[str, int]) -> None:
    """The minute of a time is the one of the file."""
    assert one["minute"] == one["seconds"] // MINUTE


@every_vector
def test_the_product_derives_the_vectors(vector: Vector) -> None:
    """Each value between secret and packet is the expected one, and the packet is read again."""
    keys = MinuteKeys(vector.minute, derive_minute(vector.secret, vector.minute))
    host, request = derive_host(vector.secret), request_of(vector)
    public = KEYS[vector.key].public
    assert host == vector.host
    assert keys.key == vector.minute_key
    assert keys.tag == vector.tag
    assert keys.hint_of(public) == vector.hint
    message = message_of_ours(host, vector.minute, vector.nonce, request, vector.door)
    assert message == vector.message
    assert blob_of(message) == vector.blob
    assert keys.seal(public, vector.nonce, request) == vector.packet
    assert keys.unmask_hint(vector.packet) == vector.hint
    assert nonce_of(vector.packet) == vector.nonce
    assert keys.unmask(vector.packet) == request
    assert request.is_regular


@every_vector
def test_the_product_checks_the_signatures(vector: Vector) -> None:
    """The signature of each vector is right for what it is over, and wrong for anything else."""
    public = KEYS[vector.key].public
    assert is_right(public, vector.signed, vector.signature)
    assert not is_right(public, vector.signed + b"\0", vector.signature)


@every_vector
def test_what_is_masked_says_nothing(vector: Vector) -> None:
    """Beside tag and nonce nothing of what is masked is in the packet as it is."""
    for hidden in (vector.hint, vector.body[2:10], vector.signature[:8], vector.signature[-8:]):
        assert hidden not in vector.packet


def test_the_worked_example() -> None:
    """Each number of section 7 is one of the vectors."""
    one, hardware = named("open"), named("hardware")
    expected = {
        "public key": KEYS["alice"].public,
        "host": one.host,
        "K": one.minute_key,
        "tag": one.tag,
        "hint": one.hint,
        "message": one.message,
        "SHA-512": sha512(one.message).digest(),
        "blob": one.blob,
        "signature": one.signature,
        "body": one.body,
        "mask": one.mask,
        "masked": one.packet[28:],
        "pad": one.pad,
        "packet": one.packet,
        'SHA-256("ssh:")': sha256(b"ssh:").digest(),
        "flags, counter": bytes((hardware.flags,)) + hardware.counter.to_bytes(4, "big"),
        "SHA-256(blob)": sha256(hardware.blob).digest(),
    }
    found = re.findall(r"^    (\S.*?) *= ([0-9a-f]+(?:\n {8,}[0-9a-f]+)*)$", EXAMPLE, re.M)
    assert {name: value.hex() for name, value in expected.items()} == {
        name: "".join(lines.split()) for name, lines in found
    }
    assert hardware.signed == b"".join(list(expected.values())[-3:])
    assert hardware.blob == one.blob
    assert re.findall(r"`([0-9a-f]{8,})`", EXAMPLE) == [
        one.minute.to_bytes(8, "big").hex(),
        sha256(b"ssh").digest()[:8].hex(),
        one.body[:10].hex(),
        one.packet[4:12].hex(),
        hardware.body[10:15].hex(),
    ]
    assert f"minute is {one.minute}:" in EXAMPLE
    assert f"message has {len(one.message)} bytes, the blob {len(one.blob)}:" in EXAMPLE
    assert "u8(0) || address || signature\n    masked" in TEXT
    assert one.secret == bytes(range(32))
    assert KEYS["alice"].seed == bytes(range(32, 64))
    assert one.nonce == bytes(range(0x40, 0x50))
    assert f"{1_796_083_200 // 60}. This minute" in TEXT


def test_the_secret_file_of_the_page() -> None:
    """Section 10 shows the secret of the example."""
    assert f"\n    {b64encode(named('open').secret).decode()}\n" in TEXT


def test_the_client_is_short() -> None:
    """The reference client has under 100 lines."""
    assert len(CLIENT.read_text().splitlines()) < 100


@pytest.mark.parametrize("vector", of_files, ids=lambda vector: vector.name)
def test_the_client_makes_the_packets(
    vector: Vector, client: dict[str, Any], key_file: Callable[[str], Path]
) -> None:
    """Signed by the real ssh-keygen, the client's packet is the expected one, byte by byte."""
    path = str(key_file(vector.key))
    made = client["make_packet"](
        vector.secret,
        vector.minute,
        vector.nonce,
        vector.verb,
        vector.door,
        vector.address,
        lambda message: client["sign"](message, path),
    )
    assert made == vector.packet


@every_vector
def test_the_client_reads_what_ssh_keygen_prints(
    vector: Vector, client: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a hardware key: here ssh-keygen is a program that prints the vector's signature."""
    marks = (f"-----{mark} SSH SIGNATURE-----" for mark in ("BEGIN", "END"))
    text = "\n".join((next(marks), *re.findall(".{1,70}", vector.ssh_signature), next(marks), ""))
    program = tmp_path / "ssh-keygen"
    program.write_text(f"#!/bin/sh\ncat >{tmp_path}/message\ncat <<'.'\n{text}.\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made = client["make_packet"](
        vector.secret,
        vector.minute,
        vector.nonce,
        vector.verb,
        vector.door,
        vector.address,
        lambda message: client["sign"](message, "token"),
    )
    assert made == vector.packet
    assert (tmp_path / "message").read_bytes() == vector.message


@pytest.mark.parametrize("more", [[], ["renew"], ["close", "192.0.2.7"]], ids=" ".join)
def test_the_client_sends(
    more: list[str], secret_file: Path, key_file: Callable[[str], Path], receiver: socket.socket
) -> None:
    """What arrives is the packet of a known key for a minute that is live, rightly signed."""
    to = ["127.0.0.1", str(receiver.getsockname()[1]), "T\u00fcr"]
    command = [sys.executable, str(CLIENT), *to, str(secret_file), str(key_file("bob")), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    packet = receiver.recv(1_000)
    assert len(packet) == 124
    secret, public = bytes(range(32)), KEYS["bob"].public
    (keys,) = (
        one
        for one in (MinuteKeys(m, derive_minute(secret, m)) for m in minutes_around_now())
        if one.tag == packet[:4]
    )
    assert keys.unmask_hint(packet) == keys.hint_of(public)
    request = keys.unmask(packet)
    assert request.is_regular
    assert Verb(request.verb).name.lower() == (more[0] if more else "open")
    assert request.selector == select_door("T\u00fcr")
    assert (request.bound, request.address[12:]) == (
        (1, bytes((192, 0, 2, 7))) if more[1:] else (0, bytes(4))
    )
    message = message_of_ours(derive_host(secret), keys.minute, nonce_of(packet), request, "T\u00fcr")
    assert is_right(public, blob_of(message), request.signature)


def minutes_around_now() -> range:
    """The minutes that a packet of a moment ago may have."""
    import time

    now = int(time.time() // MINUTE)
    return range(now - 2, now + 1)


def test_the_client_has_an_agent_sign(
    client: dict[str, Any], key_file: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the public key's file a real ssh-agent that has the private one makes the same packet."""
    private, vector = key_file("alice"), named("bound-ipv4")
    public = tmp_path / "alone.pub"
    public.write_text(KEYS["alice"].line + "\n")
    with SshAgent(tmp_path) as agent:
        agent.add(private)
        private.unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        made = client["make_packet"](
            vector.secret,
            vector.minute,
            vector.nonce,
            vector.verb,
            vector.door,
            vector.address,
            lambda message: client["sign"](message, str(public)),
        )
    assert made == vector.packet


def test_an_agent_with_a_key_for_some_hosts(
    client: dict[str, Any], key_file: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a key signs no knock, as section 5 says."""
    host = " ".join(KEYS["bob"].line.split()[:2])
    known, public = tmp_path / "known_hosts", tmp_path / "alone.pub"
    known.write_text(f"example.org {host}\n")
    public.write_text(KEYS["alice"].line + "\n")
    with SshAgent(tmp_path) as agent:
        agent.add("-H", known, "-h", "example.org", key_file("alice"))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        with pytest.raises(SystemExit, match="ssh-keygen did not sign"):
            client["sign"](b"message", str(public))
    assert "for some hosts only (`ssh-add -h`)" in TEXT


def test_the_client_refuses_other_keys(secret_file: Path, tmp_path: Path, receiver: socket.socket) -> None:
    """A key that signs no knock is refused by its type, and nothing is sent."""
    path = tmp_path / "rsa"
    subprocess.run(
        [need("ssh-keygen"), "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)], check=True
    )
    to = ["127.0.0.1", str(receiver.getsockname()[1]), "ssh"]
    done = subprocess.run(
        [sys.executable, str(CLIENT), *to, str(secret_file), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"{path}: expected a key of type ssh-ed25519 or sk-ssh-ed25519, got ssh-rsa\n"
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(1_000)


def test_the_client_says_that_nothing_was_signed(secret_file: Path, tmp_path: Path) -> None:
    """Without the key there is no packet."""
    need("ssh-keygen")
    missing = str(tmp_path / "missing")
    command = [sys.executable, str(CLIENT), "127.0.0.1", "9", "ssh", str(secret_file), missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"{missing}: ssh-keygen did not sign\n")


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_the_keys_are_those_of_ssh_keygen(name: str, key_file: Callable[[str], Path]) -> None:
    """ssh-keygen finds the public key of the file in each private one, and its fingerprint."""
    path = str(key_file(name))
    public = subprocess.run(
        ["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True
    ).stdout
    assert public == KEYS[name].line + "\n"
    listed = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True)
    assert listed.stdout.split()[1] == KEYS[name].fingerprint


@every_vector
def test_ssh_keygen_verifies_the_signatures(vector: Vector, tmp_path: Path) -> None:
    """OpenSSH takes each signature for the message, also those of hardware keys."""
    marks = (f"-----{mark} SSH SIGNATURE-----" for mark in ("BEGIN", "END"))
    text = "\n".join((next(marks), *re.findall(".{1,70}", vector.ssh_signature), next(marks), ""))
    (tmp_path / "signature").write_text(text)
    (tmp_path / "signers").write_text(f"{vector.key} {KEYS[vector.key].line}\n")
    options = ["-n", model.NAMESPACE, "-s", "signature", "-I", vector.key, "-f", "signers"]
    command = [need("ssh-keygen"), "-Y", "verify", *options]
    done = subprocess.run(command, input=vector.message, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b'Good "signed-knock-1@knockd" signature for ')


def test_the_file_is_json_for_everybody() -> None:
    """Every number is exact where numbers are doubles, and text is UTF-8."""
    again = json.loads(PAGE.read_bytes().decode("utf-8"), parse_int=float)
    assert [int(one["minute"]) for one in again["packets"]] == [one.minute for one in VECTORS]
