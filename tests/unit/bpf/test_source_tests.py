"""The tests of a source, run on every address that may be an edge."""

from __future__ import annotations

import random
from ipaddress import ip_network

import pytest

from knockd_bpf.emitter import Emitter
from knockd_bpf.longest import find_longest
from knockd_bpf.source_tests import emit_sources
from knockd_bpf.vm import run_program
from knockd_conf.access import Spans, find_spans, make_networks, subtract_spans

Program = tuple[tuple[int, int, int, int], ...]


def emitted(version: int, spans: Spans) -> tuple[Program, tuple[str, ...]]:
    """A program that takes an IP header from its first byte: 1 for who is in the spans."""
    emit = Emitter()
    yes, no = emit.ret(1, "in"), emit.ret(0, "out")
    emit_sources(emit, 0, version, spans, yes, no)
    return emit.finish()


def passes(program: Program, version: int, number: int) -> bool:
    """The verdict on a source."""
    header = bytes(12) + number.to_bytes(4, "big") if version == 4 else bytes(8) + number.to_bytes(16, "big")
    return run_program(program, header + bytes(20)).verdict == 1


def edges(spans: Spans, bits: int) -> list[int]:
    """The addresses at the ends of the spans and beside them, and those of all."""
    near = {end + step for span in spans for end in span for step in (-1, 0, 1)}
    return sorted(one for one in near | {0, (1 << bits) - 1} if 0 <= one < 1 << bits)


def spans_of(allow: str, deny: str = "") -> Spans:
    """The spans of networks in text."""
    size = 16 if ":" in allow else 4
    allowed, denied = (
        find_spans(make_networks(map(ip_network, text.split())), size) for text in (allow, deny)
    )
    return subtract_spans(allowed, denied)


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        ("192.0.2.1", ""),
        ("192.0.2.0/24", ""),
        ("0.0.0.0/1", ""),
        ("128.0.0.0/1", ""),
        ("0.0.0.0/0", "192.0.2.0/24"),
        ("192.0.2.0/24 198.51.100.0/24 203.0.113.7", "192.0.2.64/26 203.0.113.7"),
        ("2001:db8::/32", ""),
        ("2001:db8::/33", ""),
        ("2001:db8::1", ""),
        ("2001:db8::/40 2001:db8:8000::/64", ""),
        ("::/0", "2001:db8::/32"),
        ("::/0", "::1"),
        ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::/32", "2001:db8:1:2:3:4:5:6"),
        ("2001:db8::/31", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::"),
    ],
)
def test_edges(allow: str, deny: str) -> None:
    """The first and the last address of each run pass, those beside them do not."""
    version, bits = (6, 128) if ":" in allow else (4, 32)
    spans = spans_of(allow, deny)
    program, _ = emitted(version, spans)
    for number in edges(spans, bits):
        assert any(low <= number <= high for low, high in spans) == passes(program, version, number)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(30))
def test_random_runs(version: int, seed: int) -> None:
    """So it is for any runs, also for those that begin and end anywhere."""
    rng = random.Random(seed)
    bits = 128 if version == 6 else 32
    prefix = rng.choice((0, 20, 60, 100)) if version == 6 else 0
    ends = sorted({rng.getrandbits(bits - prefix) for _ in range(2 * rng.randrange(1, 40))})
    spans = tuple((low, high) for low, high in zip(ends[::2], ends[1::2], strict=False))
    program, _ = emitted(version, spans)
    for number in edges(spans, bits):
        assert any(low <= number <= high for low, high in spans) == passes(program, version, number)


@pytest.mark.parametrize("number", [1, 2, 8, 64])
def test_cost(number: int) -> None:
    """IPv4: two instructions a network and three more, of which a packet takes one more for each doubling."""
    rng = random.Random(number)
    spans = tuple(
        (at << 20, (at << 20) + rng.randrange(1 << 19)) for at in sorted(rng.sample(range(1, 4095), number))
    )
    program, _ = emitted(4, spans)
    assert len(program) <= 2 * number + 3
    assert find_longest(program) <= 4 + number.bit_length()


def test_equal_rests_of_ipv6_are_emitted_once() -> None:
    """Networks whose further words are the same share the tests of these."""
    one, two = (
        emitted(6, spans_of("2001:db8:0:1::/64")),
        emitted(6, spans_of("2001:db8:0:1::/64 2a00::1:0:0:0:0/64")),
    )
    assert len(two[0]) <= len(one[0]) + 4


def test_comments() -> None:
    """A person reads addresses of IPv4, and words of IPv6 as hexadecimal numbers."""
    _, four = emitted(4, spans_of("192.0.2.0/24"))
    assert ("IPv4: source", "source 192.0.2.0 or above?", "source 192.0.3.0 or above?", "out", "in") == four
    _, six = emitted(6, spans_of("2001:db8::/32"))
    assert ("IPv6: source, word 1 of 4", "source word 1 0x20010db8?", "out", "in") == six
