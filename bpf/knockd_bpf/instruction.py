"""The instructions of a classic BPF program, and how tcpdump -d writes them.

Codes are those of linux/bpf_common.h and linux/filter.h.

Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from knockd_conf.classes import NamedTuple

LD_W_ABS: Final = 0x20
LD_H_ABS: Final = 0x28
LD_B_ABS: Final = 0x30
LD_W_IND: Final = 0x40
LD_H_IND: Final = 0x48
LD_B_IND: Final = 0x50
LDX_IMM: Final = 0x01
LDX_MSH: Final = 0xB1
AND_K: Final = 0x54
JA: Final = 0x05
JEQ_K: Final = 0x15
JGE_K: Final = 0x35
JSET_K: Final = 0x45
RET_K: Final = 0x06

TESTS: Final = frozenset({JEQ_K, JGE_K, JSET_K})
"""The conditional jumps among these."""

ANCILLARY: Final = 0xFFFFF000
"""SKF_AD_OFF as an unsigned offset: loads from here on read what the kernel knows about the packet."""

ANCILLARY_PROTOCOL: Final = ANCILLARY
"""SKF_AD_PROTOCOL: the EtherType, in host order."""

ANCILLARY_PACKET_TYPE: Final = ANCILLARY + 4
"""SKF_AD_PKTTYPE: whom the frame is for (PACKET_HOST and others, linux/if_packet.h)."""

MAX_INSTRUCTIONS: Final = 4_096
"""BPF_MAXINSNS: the longest program the kernel takes."""

JUMP_REACH: Final = 255
"""How many instructions a conditional jump can skip: its offsets have 8 bits."""


class Instruction(NamedTuple):
    """One struct sock_filter: operation code, jump offsets if true and if false, operand."""

    code: int
    jt: int
    jf: int
    k: int


_SOCK_FILTER: Final = struct.Struct("=HBBI")

SOCK_FILTER_SIZE: Final = _SOCK_FILTER.size
"""Bytes of one packed instruction."""


def pack(program: Iterable[Instruction]) -> bytes:
    """A program as an array of struct sock_filter (linux/filter.h), in native byte order."""
    return b"".join(_SOCK_FILTER.pack(*one) for one in program)


_ANCILLARY_NAMES: Final = (
    *("proto", "type", "ifidx", "nla", "nlan", "mark", "queue", "hatype"),
    *("rxhash", "cpu", "xor_x", "vlan_tci", "vlanp", "poff", "random", "vlan_tpid"),
)
"""What libpcap's bpf_image prints for ancillary offset 0, 4, 8, ..."""

_NAMES: Final = {
    0x00: "ld #{k:#x}",
    0x01: "ldx #{k:#x}",
    0x02: "st M[{d}]",
    0x03: "stx M[{d}]",
    0x20: "ld [{at}]",
    0x28: "ldh [{at}]",
    0x30: "ldb [{at}]",
    0x40: "ld [x + {d}]",
    0x48: "ldh [x + {d}]",
    0x50: "ldb [x + {d}]",
    0x60: "ld M[{d}]",
    0x61: "ldx M[{d}]",
    0x80: "ld #pktlen",
    0xB1: "ldxb 4*([{d}]&0xf)",
    0x05: "ja {to}",
    0x06: "ret #{d}",
    0x16: "ret",
    0x07: "tax",
    0x87: "txa",
    0x84: "neg",
} | {
    code | source: f"{name} {operand}"
    for code, name, constant in (
        (0x04, "add", "#{d}"),
        (0x14, "sub", "#{d}"),
        (0x24, "mul", "#{d}"),
        (0x34, "div", "#{d}"),
        (0x94, "mod", "#{d}"),
        (0x44, "or", "#{k:#x}"),
        (0x54, "and", "#{k:#x}"),
        (0xA4, "xor", "#{k:#x}"),
        (0x64, "lsh", "#{d}"),
        (0x74, "rsh", "#{d}"),
        (0x15, "jeq", "#{k:#x}"),
        (0x25, "jgt", "#{k:#x}"),
        (0x35, "jge", "#{k:#x}"),
        (0x45, "jset", "#{k:#x}"),
    )
    for source, operand in ((0x00, constant), (0x08, "x"))
}


def image(instruction: Instruction, at: int) -> str:
    """Instruction number ``at`` of a program as ``tcpdump -d`` prints it.

    Raises KeyError for a code that classic BPF does not have.
    """
    code, jt, jf, k = instruction
    signed = _signed(k)
    special = (k - ANCILLARY) // 4
    aside = 0 <= special < len(_ANCILLARY_NAMES) and k % 4 == 0
    offset = _ANCILLARY_NAMES[special] if aside else signed
    written = _NAMES[code].format(k=k, d=signed, at=offset, to=_signed(at + 1 + k))
    name, _, operand = written.partition(" ")
    if code & 0x07 == 0x05 and code != JA:
        return f"({at:03d}) {name:<8s} {operand:<16s} jt {at + 1 + jt}\tjf {at + 1 + jf}"
    return f"({at:03d}) {name:<8s} {operand}"


def _signed(number: int) -> int:
    """A number as C prints it with %d: its low 32 bits, signed."""
    return ((number + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
