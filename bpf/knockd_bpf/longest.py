"""The most instructions that one packet can execute in a classic BPF program.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd_bpf.instruction import JA

_CLASS, _JUMP, _RETURN = 0x07, 0x05, 0x06


def find_longest(program: Sequence[tuple[int, int, int, int]]) -> int:
    """The length of the longest path through (code, jt, jf, k) rows: linear, as every jump goes forward.

    A path that no packet takes counts, too. Raises IndexError for a program that can run past its end.
    """
    lengths: list[int] = []
    """From each instruction to a return, the last instruction first."""
    for code, jt, jf, k in reversed(program):
        kind = code & _CLASS
        if kind == _RETURN:
            lengths.append(1)
        elif code == JA:
            lengths.append(1 + lengths[-1 - k])
        elif kind == _JUMP:
            lengths.append(1 + max(lengths[-1 - jt], lengths[-1 - jf]))
        else:
            lengths.append(1 + lengths[-1])
    return lengths[-1]
