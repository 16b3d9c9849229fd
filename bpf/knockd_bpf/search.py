"""The binary search for a loaded value: a tree of tests in which a way has one long jump at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter

_BLOCK: Final = 502
"""Segments of a tree within which tests reach each other (JUMP_REACH): half of them take a test each,
then two copies of a return or a long jump."""


def search(emit: Emitter, segments: Sequence[tuple[int, int]], end: int, what: str) -> int:
    """Go on at the place of the segment that the loaded value lies in; ``what`` names the value.

    ``segments`` are sorted (first value, place), ``end`` is where the last of them ends. Halves too
    large for 8-bit jumps are emitted as blocks, and the tests that choose among the blocks all
    together in front of them: each block takes one long jump, where nested halves would take one a level.
    """
    firsts = [first for first, _ in segments] + [end]
    places = [place for _, place in segments]
    equal, above_it = f"{what} {{k}}?", f"{what} {{k}} or above?"
    starts: dict[int, int] = {}

    def block(low: int, high: int) -> int:
        if high - low == 1:
            return places[low]
        single = high - low == 3 and firsts[low + 1] + 1 == firsts[low + 2]
        if single and places[low] == places[low + 2]:
            return emit.test(op.JEQ_K, firsts[low + 1], places[low + 1], places[low], equal)
        middle = (low + high) // 2
        above = block(middle, high)
        below = block(low, middle)
        return emit.test(op.JGE_K, firsts[middle], above, below, above_it)

    def blocks(low: int, high: int) -> None:
        if high - low <= _BLOCK:
            starts[low] = block(low, high)
        else:
            middle = (low + high) // 2
            blocks(middle, high)
            blocks(low, middle)

    def choose(low: int, high: int) -> int:
        if high - low <= _BLOCK:
            return starts[low]
        middle = (low + high) // 2
        above = choose(middle, high)
        below = choose(low, middle)
        return emit.test(op.JGE_K, firsts[middle], above, below, above_it)

    blocks(0, len(segments))
    return choose(0, len(segments))
