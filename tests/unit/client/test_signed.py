"""The packet of a signed knock."""

from __future__ import annotations

import socket

import pytest

from knockd.client.plan import Signed
from knockd.client.signature import Signature
from knockd.client.signed import make_packet
from knockd_conf.signed_packet import UNBOUND, pack_bound
from knockd_conf.ssh_keys import PublicKey
from tests.support.samples.signed_vectors import KEYS, VECTORS, Vector


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_vectors_of_the_specification(vector: Vector) -> None:
    """The message that is to be signed, and the packet with the signature, are those of each vector."""
    address = UNBOUND
    if vector.address is not None:
        family = socket.AF_INET6 if ":" in vector.address else socket.AF_INET
        address = pack_bound(socket.inet_pton(family, vector.address))
    key = KEYS[vector.key]
    messages: list[bytes] = []

    def sign(message: bytes) -> Signature:
        messages.append(message)
        return Signature(vector.signature, vector.flags, vector.counter)

    packet = make_packet(
        Signed(47811, "file", vector.door, verb=vector.verb),
        PublicKey(key.public, key.application),
        sign,
        secret=vector.secret,
        minute=vector.minute,
        nonce=vector.nonce,
        address=address,
    )
    assert [vector.message] == messages
    assert vector.packet == packet
