"""The tests of a UDP packet's payload: its length, then its first word. Pure."""

from __future__ import annotations

from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.payload import PayloadRule

UDP_HEADER: Final = 8
LENGTH_AT: Final = 4
"""Where the UDP header has the length of itself and the payload (RFC 768)."""

IPV6_HEADER: Final = 40


def emit_payload(emit: Emitter, network: int, version: int, rule: PayloadRule, then: int, fail: int) -> int:
    """Goes on at ``then`` for a UDP packet of an IP version that satisfies the rule, else at ``fail``.

    ``network`` is the offset of the IP header; of IPv4 X is its length, of IPv6 nothing comes between the
    headers.
    """
    transport = network if version == 4 else network + IPV6_HEADER
    half, word = (op.LD_H_IND, op.LD_W_IND) if version == 4 else (op.LD_H_ABS, op.LD_W_ABS)
    at = fail
    for value in reversed(rule.words):
        at = emit.test(op.JEQ_K, value, then, at, "first word {k:#010x}?")
    at = emit.do(word, transport + UDP_HEADER, at, "first word of the payload")
    at = emit.test(op.JEQ_K, UDP_HEADER + rule.size, at, fail, f"{rule.size} bytes?")
    return emit.do(half, transport + LENGTH_AT, at, "UDP length")
