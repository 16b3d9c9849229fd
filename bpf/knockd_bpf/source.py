"""The program that accepts the IP packets of one source and nothing else.

Pure.
"""

from __future__ import annotations

from struct import iter_unpack
from typing import Final

from knockd_bpf.instruction import AND_K, JEQ_K, LD_H_ABS, LD_W_ABS, RET_K, Instruction
from knockd_bpf.layout import ETHERNET, Layout
from knockd_bpf.wire import ETHERTYPE_VLAN

_SOURCE_AT: Final = {4: 12, 16: 8}
"""Bytes from the IP header to the source address, by that address's length."""

_TAG: Final = 4
"""Bytes of a VLAN tag."""


def source_program(address: bytes, layout: Layout, snaplen: int) -> tuple[Instruction, ...]:
    """The program for a packed address; of Ethernet it looks behind one tag that the kernel has left on."""
    version = layout.ipv4 if len(address) == 4 else layout.ipv6
    load = [Instruction(layout.load, 0, 0, layout.offset)]
    if layout.mask:
        load.append(Instruction(AND_K, 0, 0, layout.mask))
    accept, reject = Instruction(RET_K, 0, 0, snaplen), Instruction(RET_K, 0, 0, 0)
    plain = [*_compare(address, layout.network), accept, reject]
    if layout is not ETHERNET:
        return (*load, Instruction(JEQ_K, 0, len(plain) - 1, version), *plain)
    tagged = [
        Instruction(LD_H_ABS, 0, 0, layout.offset + _TAG),
        Instruction(JEQ_K, 0, len(plain) - 1, version),
        *_compare(address, layout.network + _TAG),
        accept,
        reject,
    ]
    return (
        *load,
        Instruction(JEQ_K, 0, len(plain), version),
        *plain,
        Instruction(JEQ_K, 0, len(tagged) - 1, ETHERTYPE_VLAN),
        *tagged,
    )


def _compare(address: bytes, network: int) -> list[Instruction]:
    """Goes on when the source is the address; else to the reject behind the accept that follows."""
    at = network + _SOURCE_AT[len(address)]
    words = [word for (word,) in iter_unpack(">I", address)]
    made = []
    for number, word in enumerate(words):
        made += [
            Instruction(LD_W_ABS, 0, 0, at + 4 * number),
            Instruction(JEQ_K, 0, 2 * (len(words) - number) - 1, word),
        ]
    return made
