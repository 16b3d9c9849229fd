"""What knock signs and sends: by whichever way it is signed, it is what the specification makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.client.agent import open_agent
from knockd.client.key_files import read_key
from knockd.client.plan import CLOSE, OPEN, RENEW, Signed
from knockd.client.signature import Signature
from knockd.client.signed import make_packet
from knockd.client.ssh_keygen import sign_with_file
from knockd_conf.signed_packet import UNBOUND, blob_of
from knockd_conf.ssh_keys import PublicKey
from tests.property.test_signed_packet import doors, minutes, nonces, secrets
from tests.support.lab.ssh_agent import SshAgent, make_key
from tests.support.oracles import ed25519
from tests.support.oracles import signed_model as model
from tests.support.oracles.signed_cases import KEYS

FEW = settings(max_examples=25, deadline=None)
"""Each example starts a program, or counts slowly."""

addresses = st.one_of(st.just(UNBOUND), st.binary(min_size=16, max_size=16).filter(any))


class Signing(NamedTuple):
    """A key pair's file, and the socket of a real agent that has the same key."""

    path: Path
    key: PublicKey
    agent: Path


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signing]:
    """One key, by both ways."""
    folder = tmp_path_factory.mktemp("signing")
    path = make_key(folder / "key")
    with SshAgent(folder) as agent:
        agent.add(path)
        yield Signing(path, read_key(str(path)).key, agent.path)


@FEW
@given(message=st.binary(max_size=4_096))
def test_an_agent_and_ssh_keygen_make_the_same_signature(signing: Signing, message: bytes) -> None:
    """Whatever the message is, both give the same 64 bytes."""
    by_file = sign_with_file(str(signing.path), signing.key, message)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSH_AUTH_SOCK", str(signing.agent))
        with open_agent(lambda: None) as agent:
            by_agent = agent.sign(signing.key, blob_of(message))
    assert by_file == by_agent


@FEW
@given(
    secret=secrets,
    minute=minutes,
    nonce=nonces,
    door=doors,
    verb=st.sampled_from([OPEN, RENEW, CLOSE]),
    address=addresses,
    name=st.sampled_from(["alice", "token"]),
    flags=st.integers(0, 255),
    counter=st.integers(0, 2**32 - 1),
)
def test_packets_are_those_of_the_slow_model(
    secret: bytes,
    minute: int,
    nonce: bytes,
    door: str,
    verb: str,
    address: bytes,
    name: str,
    flags: int,
    counter: int,
) -> None:
    """Every packet is the one that the page describes, of keys in files and in hardware."""
    signer = KEYS[name]
    if signer.application is None:
        flags = counter = 0
    bound = int(address != UNBOUND)
    knock = model.Knock(
        secret, signer, minute, nonce, door, model.VERBS[verb], bound, address, flags, counter
    )

    def sign(message: bytes) -> Signature:
        signed = model.signed_by(signer.application, flags, counter, model.blob_of(message))
        return Signature(ed25519.sign(signer.seed, signed), flags, counter)

    key = PublicKey(signer.public, signer.application)
    asked = Signed(1, "", door, verb=verb)
    packet = make_packet(asked, key, sign, secret=secret, minute=minute, nonce=nonce, address=address)
    assert model.make_packet(knock).packet == packet
