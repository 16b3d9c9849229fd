"""Programs are written from their end; jumps that do not reach are helped."""

from __future__ import annotations

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.instruction import Instruction
from knockd_bpf.vm import Run, run_program


def test_order() -> None:
    """What is emitted last is executed first."""
    emit = Emitter()
    reject, accept = emit.ret(0, "no"), emit.ret(9, "yes")
    at = emit.test(op.JEQ_K, 5, accept, reject, "{k}?")
    emit.do(op.LD_B_ABS, 0, at, "load")
    instructions, comments = emit.finish()
    assert (
        Instruction(op.LD_B_ABS, 0, 0, 0),
        Instruction(op.JEQ_K, 0, 1, 5),
        Instruction(op.RET_K, 0, 0, 9),
        Instruction(op.RET_K, 0, 0, 0),
    ) == instructions
    assert comments == ("load", "{k}?", "yes", "no")


def test_a_test_without_a_question_is_left_out() -> None:
    """A test with one place for both answers is that place."""
    emit = Emitter()
    reject = emit.ret(0, "no")
    assert reject == emit.test(op.JEQ_K, 5, reject, reject, "?")
    assert len(emit.finish()[0]) == 1


def test_do_goes_on_elsewhere() -> None:
    """An instruction whose successor is not the next one jumps there."""
    emit = Emitter()
    second = emit.ret(2, "second")
    emit.ret(1, "first")
    emit.do(op.LDX_IMM, 0, second, "load")
    assert Run(2, 3) == run_program(emit.finish()[0], b"")


def test_do_goes_on_at_a_test_elsewhere() -> None:
    """Where the successor is a test elsewhere that test is repeated, which saves the step of a jump to it."""
    emit = Emitter()
    reject, accept = emit.ret(0, "no"), emit.ret(9, "yes")
    asked = emit.test(op.JEQ_K, 7, accept, reject, "{k}?")
    emit.ret(1, "between")
    emit.do(op.LD_B_ABS, 0, asked, "load")
    instructions, comments = emit.finish()
    assert comments[:2] == ("load", "{k}?")
    assert [Run(9, 3), Run(0, 3)] == [run_program(instructions, frame) for frame in (b"\7", b"\6")]


def test_far_return_is_repeated() -> None:
    """A return out of reach is repeated nearby, which costs no step."""
    emit = Emitter()
    reject, accept = emit.ret(0, "no"), emit.ret(9, "yes")
    at = accept
    for number in range(600):
        at = emit.test(op.JEQ_K, number, reject, at, "{k}?")
    emit.do(op.LD_B_ABS, 0, at, "load")
    instructions, _ = emit.finish()
    assert Run(0, 603 - 7 - 1) == run_program(instructions, b"\7")
    assert all(one.jt <= 255 and one.jf <= 255 for one in instructions)


def test_far_code_is_reached_by_a_long_jump() -> None:
    """Any other place out of reach takes one long jump more."""
    emit = Emitter()
    reject = emit.ret(0, "no")
    accept = emit.ret(9, "yes")
    far = emit.do(op.LDX_IMM, 1, accept, "far away")
    at = reject
    for number in range(300):
        at = emit.test(op.JEQ_K, number + 1000, accept, at, "{k}?")
    at = emit.test(op.JEQ_K, 7, far, at, "{k}?")
    emit.do(op.LD_B_ABS, 0, at, "load")
    assert Run(9, 5) == run_program(emit.finish()[0], b"\7")
