"""A program as text, rows and bytes, and what its verdicts are."""

from __future__ import annotations

import pytest

from knockd_bpf.instruction import Instruction, pack
from knockd_bpf.layout import ETHERNET
from knockd_bpf.program import SNAPLEN, Program, assemble_term
from knockd_bpf.terms import Group, Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import TCP
from tests.support.samples.headers import ipv4, tcp

SHORT = Program((Instruction(0x15, 0, 1, 7000), Instruction(6, 0, 0, 262_144)), ("port {k}?", "keep {k}"))
TERM = Term((Group(TCP, None, ((7000, 7000),), None),), ipv6=True)


def test_comments() -> None:
    """A comment has its instruction's operand filled in."""
    assert ("port 7000?", "keep 262144") == SHORT.comments


def test_listing() -> None:
    """A line for each instruction, as tcpdump -d prints it; with comments each has its reason."""
    assert "(000) jeq      #0x1b58          jt 1\tjf 2\n(001) ret      #262144\n" == SHORT.listing()
    first, second = SHORT.listing(comments=True).splitlines()
    assert first.endswith(" ; port 7000?")
    assert second.endswith(" ; keep 262144")
    assert first.index(";") == second.index(";")


def test_length_rows_and_bytes() -> None:
    """The same instructions in each form."""
    assert 2 == len(SHORT)
    assert [[0x15, 0, 1, 7000], [6, 0, 0, 262_144]] == SHORT.rows()
    assert pack(SHORT.instructions) == SHORT.pack()


@pytest.mark.parametrize(("snaplen", "verdict"), [(None, SNAPLEN), (96, 96)])
def test_verdict(snaplen: int | None, verdict: int) -> None:
    """An accepted packet is kept up to the length asked for, another not at all."""
    given = {} if snaplen is None else {"snaplen": snaplen}
    program = assemble_term(TERM, ETHERNET, **given)
    assert verdict == run_program(program.instructions, *ETHERNET.wrap(ipv4(tcp(7000)))).verdict
    assert 0 == run_program(program.instructions, *ETHERNET.wrap(ipv4(tcp(7001)))).verdict


def test_every_instruction_has_a_reason() -> None:
    """As many comments as instructions, none of them empty."""
    program = assemble_term(TERM, ETHERNET)
    assert len(program) == len(program.comments)
    assert all(program.comments)
