"""The program that the kernel runs for a term: its instructions, what each is for, and how it is printed.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knockd_bpf.compiler import emit_program
from knockd_bpf.instruction import Instruction, image, pack
from knockd_bpf.layout import Layout
from knockd_bpf.port_map import Laid, lay_ports
from knockd_bpf.sources import Sources
from knockd_bpf.terms import Term
from knockd_conf.classes import dataclass

SNAPLEN: Final = 262_144
"""Bytes of an accepted packet to keep: libpcap's maximum."""


@dataclass(frozen=True, slots=True)
class Program:
    """A classic BPF program: its instructions and, for each, a few words on what it is for.

    ``reasons`` are those words, with ``{k}`` where the operand belongs (filling it in only when
    somebody reads it makes compiling faster).
    """

    instructions: tuple[Instruction, ...]
    reasons: tuple[str, ...]

    @property
    def comments(self) -> tuple[str, ...]:
        """What each instruction is for."""
        return tuple(why.format(k=one.k) for one, why in zip(self.instructions, self.reasons, strict=True))

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
        return pack(self.instructions)


def assemble_term(term: Term, layout: Layout, *, snaplen: int = SNAPLEN) -> Program:
    """The program for ``term`` on links of ``layout``. It may be too long for the kernel (see ``fit_term``).

    An accepted packet gets the verdict ``snaplen`` (bytes to keep), every other 0.
    """
    return assemble_ports(lay_ports(term), layout, snaplen, term.versions())


def assemble_ports(laid: Laid, layout: Layout, snaplen: int, versions: Mapping[int, Sources]) -> Program:
    """The same for ports that are already laid out; ``versions`` are those of the term."""
    return Program(*emit_program(laid, layout, snaplen, versions))
