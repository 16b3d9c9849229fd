"""The longest path through a program."""

from __future__ import annotations

import random

import pytest

from knockd.knocks.prefilter import prefilter
from knockd_bpf.instruction import JA, JEQ_K, LD_B_ABS, RET_K
from knockd_bpf.longest import find_longest
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB
from tests.support.doubles.played import LOCAL, door, watched
from tests.support.samples.headers import framed, ipv4, tcp

LOAD, KEEP = (LD_B_ABS, 0, 0, 0), (RET_K, 0, 0, 7)


def test_straight() -> None:
    """Without a jump every instruction is executed."""
    assert find_longest([LOAD, LOAD, KEEP]) == 3


def test_branch() -> None:
    """Of two ways the longer one counts."""
    assert find_longest([(JEQ_K, 0, 2, 9), LOAD, LOAD, KEEP]) == 4
    assert find_longest([(JEQ_K, 2, 0, 9), LOAD, LOAD, KEEP]) == 4


def test_jump() -> None:
    """What is jumped over is not executed."""
    assert find_longest([(JA, 0, 0, 2), LOAD, LOAD, KEEP]) == 2


def test_no_return() -> None:
    """A program without a return is none."""
    with pytest.raises(IndexError):
        find_longest([LOAD])


def test_no_packet_costs_more() -> None:
    """No packet executes more instructions of a real filter than the longest path has."""
    watches = watched(*(door(f"{port} {port + 3}") for port in range(1_000, 9_000, 200)))
    program = prefilter(watches, LOCAL, DLT_EN10MB).fitted.program.instructions
    seed = random.Random(13)
    frames = [
        framed(DLT_EN10MB, ipv4(tcp(seed.randrange(1, 65_536)), source="192.0.2.1", destination="10.0.0.1"))
        for _ in range(200)
    ]
    steps = max(run_program(program, frame).steps for frame in frames)
    assert steps <= find_longest(program) <= len(program)
