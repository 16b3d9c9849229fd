"""The program that the kernel runs for a term: its instructions, what each is for, and how it is printed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from knockd_bpf.compiler import emit
from knockd_bpf.instruction import Instruction, image
from knockd_bpf.layout import Layout
from knockd_bpf.terms import Term

SNAPLEN: Final = 262_144
"""Bytes of an accepted packet to keep: libpcap's maximum."""


@dataclass(frozen=True, slots=True)
class Program:
    """A classic BPF program: its instructions and, for each, a few words on what it is for."""

    instructions: tuple[Instruction, ...]
    comments: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.instructions)

    def listing(self, *, comments: bool = False) -> str:
        """The program as ``tcpdump -d`` prints it, a line each; with ``comments`` a reason after each."""
        lines = [image(one, at) for at, one in enumerate(self.instructions)]
        if comments:
            lines = [
                f"{line.expandtabs():<56s} ; {why}" for line, why in zip(lines, self.comments, strict=True)
            ]
        return "".join(f"{line}\n" for line in lines)

    def rows(self) -> list[list[int]]:
        """The instructions as [code, jt, jf, k] lists, as JSON wants them."""
        return [list(one) for one in self.instructions]

    def pack(self) -> bytes:
        """The instructions as an array of struct sock_filter (linux/filter.h), in native byte order."""
        return b"".join(struct.pack("=HBBI", *one) for one in self.instructions)


def assemble(term: Term, layout: Layout, *, snaplen: int = SNAPLEN) -> Program:
    """The program for ``term`` on links of ``layout``; it may be longer than the kernel takes (see ``fit``).

    An accepted packet gets the verdict ``snaplen`` (bytes to keep), every other 0.
    """
    instructions, comments = emit(term, layout, snaplen)
    return Program(instructions, comments)
