"""The last tests of the program: is the packet whole enough, and is it for one of our addresses."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.terms import Destinations

_FRAGMENT_AT: Final = 6
_FRAGMENT_OFFSET: Final = 0x1FFF
_IPV4_DESTINATION_AT: Final = 16
_IPV6_DESTINATION_AT: Final = 24


def ipv4(emit: Emitter, network: int, destinations: Destinations, accept: int, reject: int, fail: int) -> int:
    """Accept a first fragment (or whole packet) to one of the IPv4 ``destinations``; else go to ``fail``.

    ``network`` is the offset of the IP header. A later fragment has no ports and is rejected:
    what looked like one was payload (RFC 791, section 3.2).
    """
    if destinations == frozenset():
        return fail
    at = accept
    if destinations is not None:
        at = fail
        for address in sorted(destinations, reverse=True):
            at = emit.test(op.JEQ_K, int.from_bytes(address, "big"), accept, at, f"to {ip_address(address)}?")
        at = emit.do(op.LD_W_ABS, network + _IPV4_DESTINATION_AT, at, "IPv4: destination")
    at = emit.test(op.JSET_K, _FRAGMENT_OFFSET, reject, at, "not the first fragment?")
    return emit.do(op.LD_H_ABS, network + _FRAGMENT_AT, at, "IPv4: flags and fragment offset")


def ipv6(emit: Emitter, network: int, destinations: Destinations, accept: int, fail: int) -> int:
    """Accept a packet to one of the IPv6 ``destinations``; else go to ``fail``."""
    if destinations is None:
        return accept
    return _words(emit, network + _IPV6_DESTINATION_AT, sorted(destinations), 0, accept, fail)


def _name(addresses: list[bytes]) -> str:
    return str(ip_address(addresses[0])) if len(addresses) == 1 else f"one of {len(addresses)}"


def _words(emit: Emitter, start: int, addresses: Iterable[bytes], word: int, accept: int, fail: int) -> int:
    """Compare 32-bit word number ``word`` and those after it; addresses with one prefix share its test."""
    alike: dict[bytes, list[bytes]] = {}
    for address in addresses:
        alike.setdefault(address[4 * word : 4 * word + 4], []).append(address)
    if not alike:
        return fail
    at = fail
    for value, rest in sorted(alike.items(), reverse=True):
        then = accept if word == 3 else _words(emit, start, rest, word + 1, accept, fail)
        at = emit.test(op.JEQ_K, int.from_bytes(value, "big"), then, at, f"to {_name(rest)}? word {word + 1}")
    return emit.do(op.LD_W_ABS, start + 4 * word, at, f"IPv6: destination, word {word + 1} of 4")
