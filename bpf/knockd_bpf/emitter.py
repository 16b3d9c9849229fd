"""Assembles a program from its end to its beginning, so that every jump target is known.

A label is a jump target, counted from the end of the program. Where a conditional jump does not reach (its
offsets have 8 bits), a return is repeated within reach; any other label gets a long jump within reach.

Pure.
"""

from __future__ import annotations

from knockd_bpf import instruction as op
from knockd_bpf.instruction import Instruction

_SAFE_REACH = op.JUMP_REACH - 2
"""One test may need two copies within reach; the first must still be in reach after the second."""


class Emitter:
    """A program that grows at its front. An instruction's label is the number of instructions after it.

    In comments ``{k}`` stands for the operand.
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int]] = []
        self._comments: list[str] = []
        self._near: dict[int, int] = {}

    def finish(self) -> tuple[tuple[Instruction, ...], tuple[str, ...]]:
        """The instructions and their comments, in the order of execution."""
        return tuple(map(Instruction._make, reversed(self._code))), tuple(reversed(self._comments))

    def ret(self, verdict: int, comment: str) -> int:
        """End with a verdict: how many bytes of the packet to keep, 0 for none."""
        return self._add((op.RET_K, 0, 0, verdict), comment)

    def do(self, code: int, k: int, then: int, comment: str) -> int:
        """One instruction that is no jump, going on at ``then``."""
        if then != len(self._code) - 1:
            self._lead_to(then)
        return self._add((code, 0, 0, k), comment)

    def test(self, code: int, k: int, yes: int, no: int, comment: str) -> int:
        """A conditional jump to one of two labels; when both are the same, that label and no instruction."""
        if yes == no:
            return yes
        here = len(self._code)
        if here - yes > _SAFE_REACH or here - no > _SAFE_REACH:
            yes, no = self._bring_near(yes), self._bring_near(no)
            here = len(self._code)
        self._code.append((code, here - yes - 1, here - no - 1, k))
        self._comments.append(comment)
        return here

    def _lead_to(self, label: int) -> None:
        """Continues at a label elsewhere; a test found there is repeated here, which saves a jump."""
        code, yes, no, k = self._code[label]
        if code in op.TESTS:
            self.test(code, k, label - yes - 1, label - no - 1, self._comments[label])
        else:
            self._jump(label, "go on there")

    def _bring_near(self, label: int) -> int:
        near = self._near.get(label, label)
        if len(self._code) - near - 1 <= _SAFE_REACH:
            return near
        target = self._code[label]
        returns = target[0] == op.RET_K
        near = (
            self._add(target, self._comments[label]) if returns else self._jump(label, "too far for a test")
        )
        self._near[label] = near
        return near

    def _jump(self, label: int, comment: str) -> int:
        return self._add((op.JA, 0, 0, len(self._code) - label - 1), comment)

    def _add(self, instruction: tuple[int, int, int, int], comment: str) -> int:
        self._code.append(instruction)
        self._comments.append(comment)
        return len(self._code) - 1
