"""The machine that counts: each kind of instruction, and what it does at the edges."""

from __future__ import annotations

import pytest

from knockd_bpf.vm import Run, run_program

Row = tuple[int, int, int, int]
RET_A: Row = (0x16, 0, 0, 0)
FRAME = bytes(range(0x40, 0x60))


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([(0x06, 0, 0, 7)], 7),
        ([(0x30, 0, 0, 1), RET_A], 0x41),
        ([(0x28, 0, 0, 1), RET_A], 0x4142),
        ([(0x20, 0, 0, 1), RET_A], 0x41424344),
        ([(0x01, 0, 0, 2), (0x50, 0, 0, 1), RET_A], 0x43),
        ([(0x01, 0, 0, 2), (0x48, 0, 0, 1), RET_A], 0x4344),
        ([(0xB1, 0, 0, 5), (0x87, 0, 0, 0), RET_A], 20),
        ([(0x80, 0, 0, 0), RET_A], 32),
        ([(0x00, 0, 0, 9), (0x02, 0, 0, 3), (0x00, 0, 0, 1), (0x60, 0, 0, 3), RET_A], 9),
        ([(0x01, 0, 0, 9), (0x03, 0, 0, 3), (0x61, 0, 0, 3), (0x87, 0, 0, 0), RET_A], 9),
        ([(0x00, 0, 0, 9), (0x07, 0, 0, 0), (0x00, 0, 0, 1), (0x0C, 0, 0, 0), RET_A], 10),
        ([(0x00, 0, 0, 1), (0x14, 0, 0, 2), RET_A], 0xFFFFFFFF),
        ([(0x00, 0, 0, 1), (0x84, 0, 0, 0), RET_A], 0xFFFFFFFF),
        ([(0x00, 0, 0, 0x80000000), (0x64, 0, 0, 1), RET_A], 0),
        ([(0x28, 0, 0, 0xFFFFF000), RET_A], 0x86DD),
    ],
)
def test_values(rows: list[Row], verdict: int) -> None:
    """Loads, registers, scratch memory and arithmetic give what classic BPF gives."""
    assert verdict == run_program(rows, FRAME, 0x86DD).verdict


@pytest.mark.parametrize(
    ("code", "k", "verdict"),
    [
        (0x15, 5, 1),
        (0x15, 4, 2),
        (0x25, 4, 1),
        (0x25, 5, 2),
        (0x35, 5, 1),
        (0x35, 6, 2),
        (0x45, 4, 1),
        (0x45, 2, 2),
    ],
)
def test_jumps(code: int, k: int, verdict: int) -> None:
    """With 5 loaded each comparison goes where it should."""
    assert Run(verdict, 3) == run_program([(0, 0, 0, 5), (code, 0, 1, k), (6, 0, 0, 1), (6, 0, 0, 2)], b"")


def test_long_jump() -> None:
    """A long jump skips as many instructions as its operand says, and counts as one step."""
    assert Run(2, 2) == run_program([(0x05, 0, 0, 1), (6, 0, 0, 1), (6, 0, 0, 2)], b"")


@pytest.mark.parametrize(
    "load", [(0x20, 29), (0x28, 31), (0x30, 32), (0xB1, 32), (0x40, 29), (0x20, 1 << 31)]
)
def test_a_load_beyond_the_frame_rejects(load: tuple[int, int]) -> None:
    """A load that is not wholly inside the frame ends the program with 0."""
    assert Run(0, 1) == run_program([(load[0], 0, 0, load[1]), (6, 0, 0, 1)], FRAME)


@pytest.mark.parametrize("code", [0x3C, 0x9C])
def test_division_by_zero_rejects(code: int) -> None:
    """Dividing by X when it is 0 ends the program with 0."""
    assert Run(0, 2) == run_program([(0, 0, 0, 1), (code, 0, 0, 0), (6, 0, 0, 1)], b"")


def test_other_ancillary_data() -> None:
    """What the kernel knows about a packet besides its protocol and type is not to be had here."""
    with pytest.raises(ValueError, match="expected the protocol"):
        run_program([(0x28, 0, 0, 0xFFFFF008)], FRAME)


def test_no_return() -> None:
    """A program that runs off its end is no program."""
    with pytest.raises(ValueError, match="expected a return, got the end after 1 steps"):
        run_program([(0, 0, 0, 1)], FRAME)
