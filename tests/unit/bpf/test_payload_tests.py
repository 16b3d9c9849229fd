"""The tests of a UDP packet's payload, run on packets."""

from __future__ import annotations

import pytest

from knockd_bpf.emitter import Emitter
from knockd_bpf.instruction import LDX_IMM, LDX_MSH
from knockd_bpf.payload import PayloadRule
from knockd_bpf.payload_tests import emit_payload
from knockd_bpf.vm import run_program
from tests.support.samples.headers import UDP, ipv4, ipv6, udp

RULE = PayloadRule(12, (0x00000007, 0x80000001, 0xFFFFFFFE))
REJECT, ACCEPT = 1, 2
"""Verdicts, one for each of the two ends."""

NETWORK = 3
"""Bytes before the IP header: an odd number, so that an offset forgotten is seen."""


def verdict(version: int, payload: bytes, rule: PayloadRule = RULE, options: bytes = b"") -> int:
    """Where a UDP packet goes; 0 for one that is too short."""
    emit = Emitter()
    fail, then = emit.ret(REJECT, ""), emit.ret(ACCEPT, "")
    at = emit_payload(emit, NETWORK, version, rule, then, fail)
    emit.do(*((LDX_MSH, NETWORK) if version == 4 else (LDX_IMM, 3)), at, "X, which says nothing of IPv6")
    made = ipv4(udp(1, payload), UDP, options=options) if version == 4 else ipv6(udp(1, payload), UDP)
    return run_program(emit.finish()[0], bytes(NETWORK) + made).verdict


both = pytest.mark.parametrize("version", [4, 6])


@both
@pytest.mark.parametrize("word", RULE.words)
def test_every_word(version: int, word: int) -> None:
    """A payload of the right size passes with each of the words in front."""
    assert verdict(version, word.to_bytes(4, "big") + bytes(range(8))) == ACCEPT


@both
@pytest.mark.parametrize("word", [0, 6, 8, 0x80000000, 0x01000080, 0xFFFFFFFF])
def test_other_words(version: int, word: int) -> None:
    """It does not with another one, nor with one in the other byte order."""
    assert verdict(version, word.to_bytes(4, "big") + bytes(8)) == REJECT


@both
@pytest.mark.parametrize("size", [4, 11, 13, 12 + 256])
def test_other_sizes(version: int, size: int) -> None:
    """A payload of another size does not pass, whatever it begins with."""
    assert verdict(version, (7).to_bytes(4, "big") + bytes(size - 4)) == REJECT


@both
def test_a_word_elsewhere(version: int) -> None:
    """The word counts in front only."""
    assert verdict(version, bytes(4) + (7).to_bytes(4, "big") + bytes(4)) == REJECT


@pytest.mark.parametrize("options", [b"\1" * 4, b"\1" * 40])
def test_ipv4_options(options: bytes) -> None:
    """IPv4 options move the payload, and nothing else."""
    assert verdict(4, (7).to_bytes(4, "big") + bytes(8), options=options) == ACCEPT
    assert verdict(4, (8).to_bytes(4, "big") + bytes(8), options=options) == REJECT


@both
def test_one_word(version: int) -> None:
    """A rule may have one word alone."""
    rule = PayloadRule(4, (9,))
    assert verdict(version, (9).to_bytes(4, "big"), rule) == ACCEPT
    assert verdict(version, (10).to_bytes(4, "big"), rule) == REJECT
