"""The last tests of a program: no later fragment, and one of our addresses as destination. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.terms import Destinations
from knockd_conf.text import address_text

_FRAGMENT_AT: Final = 6
FRAGMENT_OFFSET: Final = 0x1FFF
FRAGMENTED: Final = 0x3FFF
"""The offset and the flag of more fragments: any fragment has something in these."""

_IPV4_DESTINATION_AT: Final = 16
_IPV6_DESTINATION_AT: Final = 24


def emit_ipv4(
    emit: Emitter,
    network: int,
    destinations: Destinations,
    accept: int,
    reject: int,
    fail: int,
    fragments: int = FRAGMENT_OFFSET,
) -> int:
    """Accepts a first fragment or whole packet to one of the IPv4 ``destinations``, else goes to ``fail``.

    ``network`` is the offset of the IP header. A later fragment is rejected: it has payload
    where a first one has ports (RFC 791, section 3.2). With ``fragments`` FRAGMENTED a first one is, too.
    """
    if destinations == frozenset():
        return fail
    at = accept
    if destinations is not None:
        at = fail
        for address in sorted(destinations, reverse=True):
            at = emit.test(
                op.JEQ_K, int.from_bytes(address, "big"), accept, at, f"to {address_text(address)}?"
            )
        at = emit.do(op.LD_W_ABS, network + _IPV4_DESTINATION_AT, at, "IPv4: destination")
    what = "not the first fragment?" if fragments == FRAGMENT_OFFSET else "a fragment?"
    at = emit.test(op.JSET_K, fragments, reject, at, what)
    return emit.do(op.LD_H_ABS, network + _FRAGMENT_AT, at, "IPv4: flags and fragment offset")


def emit_ipv6(emit: Emitter, network: int, destinations: Destinations, accept: int, fail: int) -> int:
    """Accepts a packet to one of the IPv6 ``destinations``, else goes to ``fail``."""
    if destinations is None:
        return accept
    return _words(emit, network + _IPV6_DESTINATION_AT, sorted(destinations), 0, accept, fail)


def _name(addresses: list[bytes]) -> str:
    return address_text(addresses[0]) if len(addresses) == 1 else f"one of {len(addresses)}"


def _words(emit: Emitter, start: int, addresses: Iterable[bytes], word: int, accept: int, fail: int) -> int:
    """Compares from 32-bit word number ``word`` on; addresses with a common prefix share its test."""
    by_word: dict[bytes, list[bytes]] = {}
    for address in addresses:
        by_word.setdefault(address[4 * word : 4 * word + 4], []).append(address)
    if not by_word:
        return fail
    at = fail
    for value, rest in sorted(by_word.items(), reverse=True):
        then = accept if word == 3 else _words(emit, start, rest, word + 1, accept, fail)
        at = emit.test(op.JEQ_K, int.from_bytes(value, "big"), then, at, f"to {_name(rest)}? word {word + 1}")
    return emit.do(op.LD_W_ABS, start + 4 * word, at, f"IPv6: destination, word {word + 1} of 4")
