"""Writes a program from its end to its beginning, so that every jump target is already in place.

Places are counted from the end of the program. Where a conditional jump does not reach (its
offsets have 8 bits), a return is repeated nearby and any other place gets a long jump nearby.
"""

from __future__ import annotations

from knockd_bpf import instruction as op
from knockd_bpf.instruction import Instruction

_SAFE_REACH = op.JUMP_REACH - 2
"""Two places may have to be brought near for one test, and the first must still be in reach after that."""


class Emitter:
    """A program that grows at its front. A place is the number of instructions after an instruction.

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
        """A conditional jump to one of two places; only the place itself when both are one."""
        if yes == no:
            return yes
        here = len(self._code)
        if here - yes > _SAFE_REACH or here - no > _SAFE_REACH:
            yes, no = self._bring_near(yes), self._bring_near(no)
            here = len(self._code)
        self._code.append((code, here - yes - 1, here - no - 1, k))
        self._comments.append(comment)
        return here

    def _lead_to(self, place: int) -> None:
        """Go on at a place elsewhere; a test found there is repeated here, which saves a jump to it."""
        code, yes, no, k = self._code[place]
        if code in op.TESTS:
            self.test(code, k, place - yes - 1, place - no - 1, self._comments[place])
        else:
            self._jump(place, "go on there")

    def _bring_near(self, place: int) -> int:
        near = self._near.get(place, place)
        if len(self._code) - near - 1 <= _SAFE_REACH:
            return near
        target = self._code[place]
        returns = target[0] == op.RET_K
        near = (
            self._add(target, self._comments[place]) if returns else self._jump(place, "too far for a test")
        )
        self._near[place] = near
        return near

    def _jump(self, place: int, comment: str) -> int:
        return self._add((op.JA, 0, 0, len(self._code) - place - 1), comment)

    def _add(self, instruction: tuple[int, int, int, int], comment: str) -> int:
        self._code.append(instruction)
        self._comments.append(comment)
        return len(self._code) - 1
