"""A classic BPF machine that counts its steps: what the kernel's interpreter would do with a frame.

For tests and for the costs that ``knockd --dry-run`` prints; nothing in the daemon's packet path uses it.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from knockd_bpf import instruction as op
from knockd_conf.classes import NamedTuple

_WORD: Final = 0xFFFFFFFF

_JUMPS: Final[dict[int, Callable[[int, int], bool]]] = {
    0x10: lambda a, b: a == b,
    0x20: lambda a, b: a > b,
    0x30: lambda a, b: a >= b,
    0x40: lambda a, b: a & b != 0,
}
_ARITHMETIC: Final[dict[int, Callable[[int, int], int]]] = {
    0x00: lambda a, b: a + b,
    0x10: lambda a, b: a - b,
    0x20: lambda a, b: a * b,
    0x30: lambda a, b: a // b,
    0x40: lambda a, b: a | b,
    0x50: lambda a, b: a & b,
    0x60: lambda a, b: a << b if b < 32 else 0,
    0x70: lambda a, b: a >> b,
    0x80: lambda a, _: -a,
    0x90: lambda a, b: a % b,
    0xA0: lambda a, b: a ^ b,
}
_DIVIDES: Final = (0x30, 0x90)
_SIZES: Final = {0x00: 4, 0x08: 2, 0x10: 1}
_ABS, _IND, _MEM, _LEN, _MSH = 0x20, 0x40, 0x60, 0x80, 0xA0


class Run(NamedTuple):
    """The verdict (bytes to keep, 0 for reject) and how many instructions were executed."""

    verdict: int
    steps: int


def run_program(
    program: Sequence[tuple[int, int, int, int]], frame: bytes, protocol: int = 0, *, packet_type: int = 0
) -> Run:
    """Run (code, jt, jf, k) rows on a frame.

    ``protocol`` is the EtherType that the kernel keeps aside of the frame (SKF_AD_PROTOCOL), ``packet_type``
    whom the frame is for (SKF_AD_PKTTYPE; 0: this host). A load beyond the frame and a division by zero
    reject, as in the kernel. Raises KeyError for an operation that classic BPF does not have, ValueError for
    other ancillary data or a program without a return.
    """
    a = x = at = steps = 0
    memory = [0] * 16
    length = len(frame)
    while at < len(program):
        code, jt, jf, k = program[at]
        at += 1
        steps += 1
        kind = code & 0x07
        if kind == 0x05:
            if code == op.JA:
                at += k
            else:
                taken = _JUMPS[code & 0xF0](a, x if code & 0x08 else k)
                at += jt if taken else jf
        elif kind in {0x00, 0x01}:
            value: int | None
            mode = code & 0xE0
            if mode in {_ABS, _IND}:
                size = _SIZES[code & 0x18]
                start = k + x if mode == _IND else k
                if start == op.ANCILLARY_PROTOCOL:
                    value = protocol
                elif start == op.ANCILLARY_PACKET_TYPE:
                    value = packet_type
                elif start >= op.ANCILLARY:
                    raise ValueError(
                        f"ancillary data: expected the protocol or the packet type, got {start:#x}"
                    )
                else:
                    value = (
                        int.from_bytes(frame[start : start + size], "big") if start + size <= length else None
                    )
            elif mode == _MSH:
                value = 4 * (frame[k] & 0x0F) if k < length else None
            elif mode == _MEM:
                value = memory[k]
            else:
                value = length if mode == _LEN else k
            if value is None:
                return Run(0, steps)
            if kind == 0x01:
                x = value
            else:
                a = value
        elif kind == 0x04:
            operand = x if code & 0x08 else k
            if code & 0xF0 in _DIVIDES and operand == 0:
                return Run(0, steps)
            a = _ARITHMETIC[code & 0xF0](a, operand) & _WORD
        elif kind == 0x06:
            return Run(a if code & 0x10 else k, steps)
        elif kind == 0x07:
            a, x = (x, x) if code & 0x80 else (a, a)
        else:
            memory[k] = x if kind == 0x03 else a
    raise ValueError(f"program: expected a return, got the end after {steps} steps")
