"""The last tests of the program: fragments and addresses, each run on packets."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd_bpf.addresses import FRAGMENT_OFFSET, FRAGMENTED, emit_ipv4, emit_ipv6
from knockd_bpf.emitter import Emitter
from knockd_bpf.terms import Destinations
from knockd_bpf.vm import run_program

REJECT, ACCEPT, FAIL = 1, 2, 3
"""Verdicts, one for each of the three ends."""

NETWORK = 3
"""Bytes before the IP header: an odd number, so that an offset forgotten is seen."""


def packed(text: str) -> bytes:
    """The bytes of an address."""
    return ip_address(text).packed


def ours(*texts: str) -> Destinations:
    """Some addresses."""
    return frozenset(map(packed, texts))


def verdict(version: int, destinations: Destinations, header: bytes, fragments: int = FRAGMENT_OFFSET) -> int:
    """Where a packet with this IP header goes."""
    emit = Emitter()
    reject, accept, fail = (emit.ret(one, "") for one in (REJECT, ACCEPT, FAIL))
    if version == 4:
        at = emit_ipv4(emit, NETWORK, destinations, accept, reject, fail, fragments)
    else:
        at = emit_ipv6(emit, NETWORK, destinations, accept, fail)
    code, _ = emit.finish()
    return run_program(code[len(code) - 1 - at :], bytes(NETWORK) + header).verdict


def four(destination: str, fragment: int = 0) -> bytes:
    """An IPv4 header: flags and fragment offset, and the destination."""
    return b"\x45" + bytes(5) + fragment.to_bytes(2, "big") + bytes(4) + b"\x0a\0\0\x01" + packed(destination)


def six(destination: str) -> bytes:
    """An IPv6 header with a destination."""
    return b"\x60" + bytes(7) + packed("fd00::1") + packed(destination)


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("192.0.2.1", ACCEPT),
        ("192.0.2.200", ACCEPT),
        ("192.0.2.2", FAIL),
        ("10.0.0.1", FAIL),
        ("0.0.0.0", FAIL),
    ],
)
def test_ipv4_destinations(destination: str, expected: int) -> None:
    """Our addresses pass, others do not, our own as a source neither."""
    assert expected == verdict(4, ours("192.0.2.1", "192.0.2.200"), four(destination))


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        (0x0000, ACCEPT),
        (0x4000, ACCEPT),
        (0x2000, ACCEPT),
        (0x0001, REJECT),
        (0x1000, REJECT),
        (0x2001, REJECT),
    ],
    ids=["whole", "do not fragment", "first", "last", "far", "middle"],
)
@pytest.mark.parametrize("destinations", [None, ours("192.0.2.1")], ids=["all", "ours"])
def test_fragments(destinations: Destinations, fragment: int, expected: int) -> None:
    """A packet with an offset has no ports and is rejected at once, whatever its address."""
    assert expected == verdict(4, destinations, four("192.0.2.1", fragment))


@pytest.mark.parametrize("bit", range(16))
@pytest.mark.parametrize("destinations", [None, ours("192.0.2.1")], ids=["all", "ours"])
def test_no_fragment_at_all(destinations: Destinations, bit: int) -> None:
    """Where no fragment may pass the first one is rejected too, by its flag of more fragments."""
    expected = REJECT if bit <= 13 else ACCEPT
    assert expected == verdict(4, destinations, four("192.0.2.1", 1 << bit), FRAGMENTED)


def test_every_ipv4_address() -> None:
    """Without addresses given every one passes."""
    assert ACCEPT == verdict(4, None, four("198.51.100.7"))


@pytest.mark.parametrize(
    "address",
    ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fd00::1:0:0:1", "2001:db9::1"],
)
def test_ipv6_destinations(address: str) -> None:
    """Addresses that share a prefix share its test; each one passes, and none in between."""
    some = ours("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fd00::1:0:0:1", "2001:db9::1")
    assert ACCEPT == verdict(6, some, six(address))


@pytest.mark.parametrize(
    "address",
    [
        "2001:db8::3",
        "2001:db8:0:1::2",
        "2001:db8:0:2::1",
        "2001:db8::1:0:1",
        "2001:db9::2",
        "fd00::1",
        "fd00::1:0:0:2",
        "::",
    ],
)
def test_ipv6_of_others(address: str) -> None:
    """An address that differs from ours in one word, the first to the last, does not pass."""
    some = ours("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fd00::1:0:0:1", "2001:db9::1")
    assert FAIL == verdict(6, some, six(address))


def test_no_destination() -> None:
    """Without an address of a version nothing of it passes, and no test is made; with all, all do."""
    emit = Emitter()
    reject, accept, fail = (emit.ret(one, "") for one in (REJECT, ACCEPT, FAIL))
    assert fail == emit_ipv4(emit, NETWORK, frozenset(), accept, reject, fail)
    assert fail == emit_ipv6(emit, NETWORK, frozenset(), accept, fail)
    assert accept == emit_ipv6(emit, NETWORK, None, accept, fail)
    assert 3 == len(emit.finish()[0])
