"""Rotating sequences as docs/spec/rotating-sequence.md says them, slowly: each word and what became of it.

It shares nothing with the product: HMAC is written out with SHA-256 alone (RFC 2104).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

BLOCK = 64
"""Bytes of a block of SHA-256."""

GUARDS = 8


@dataclass(frozen=True)
class Word:
    """Four bytes of a block, and what became of them: ``taken``, ``limit``, ``equal`` or ``beside``."""

    hexadecimal: str
    bit: int
    number: int
    port: int
    outcome: str


@dataclass
class Derivation:
    """All that happens between a key and the ports of a period."""

    messages: list[bytes] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    """Of the last block only those that were needed."""
    ports: list[str] = field(default_factory=list)
    """As ``port:tcp``: the steps, then the guards."""

    def count(self, outcome: str) -> int:
        """How many words had this outcome."""
        return sum(word.outcome == outcome for word in self.words)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 for a key that is no longer than a block."""
    padded = key.ljust(BLOCK, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def derive(vector: Any) -> Derivation:
    """Derives the ports of a vector: an object with key, door, period, steps, low, high and protocol."""
    found = Derivation()
    chosen: list[int] = []
    span = vector.high - vector.low + 1
    limit = 2**31 - 2**31 % span
    while True:
        counter = len(found.blocks)
        found.messages.append(f"rotating-sequence-1\n{vector.door}\n{vector.period}\n{counter}".encode())
        block = hmac_sha256(vector.key, found.messages[-1])
        found.blocks.append(block.hex())
        for at in range(0, 32, 4):
            value = int.from_bytes(block[at : at + 4], "big")
            bit, number = divmod(value, 2**31)
            port = vector.low + number % span
            outcome = "taken"
            if number >= limit:
                outcome = "limit"
            elif port in chosen:
                outcome = "equal"
            elif port - 1 in chosen or port + 1 in chosen:
                outcome = "beside"
            found.words.append(Word(block[at : at + 4].hex(), bit, number, port, outcome))
            if outcome != "taken":
                continue
            chosen.append(port)
            udp = vector.protocol == "udp" or (vector.protocol == "mixed" and bit == 1)
            found.ports.append(f"{port}:{'udp' if udp else 'tcp'}")
            if len(chosen) == vector.steps + GUARDS:
                return found
