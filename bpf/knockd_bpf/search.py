"""Binary search for a loaded value: a tree of tests with at most one long jump on each path. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter

_BLOCK: Final = 502
"""Segments of a tree within which tests reach each other (JUMP_REACH): half of them take a test each,
then two copies of a return or a long jump."""


def emit_search(
    emit: Emitter,
    segments: Sequence[tuple[int, int]],
    end: int,
    what: str,
    *,
    name: Callable[[int], str] | None = None,
) -> int:
    """Emits a search that continues at the label of the loaded value's segment; returns its own label.

    ``segments`` are sorted (first value, label), ``end`` is the first value after the last of them, ``what``
    names the value in comments and ``name`` its values (default: as numbers). Halves too large for 8-bit
    jumps are emitted as blocks, and the tests that choose a block are emitted together in front of them:
    each block takes one long jump, where nested halves would take one a level.
    """
    firsts = [first for first, _ in segments] + [end]
    labels = [label for _, label in segments]
    equal, above_it = f"{what} {{k}}?", f"{what} {{k}} or above?"

    def say(comment: str, value: int) -> str:
        return comment if name is None else comment.format(k=name(value))

    plain = name is None
    """Most tests are of ports, thousands of them: no call for each."""
    starts: dict[int, int] = {}

    def block(low: int, high: int) -> int:
        if high - low == 1:
            return labels[low]
        single = high - low == 3 and firsts[low + 1] + 1 == firsts[low + 2]
        if single and labels[low] == labels[low + 2]:
            value = firsts[low + 1]
            return emit.test(
                op.JEQ_K, value, labels[low + 1], labels[low], equal if plain else say(equal, value)
            )
        middle = (low + high) // 2
        above = block(middle, high)
        below = block(low, middle)
        value = firsts[middle]
        return emit.test(op.JGE_K, value, above, below, above_it if plain else say(above_it, value))

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
        value = firsts[middle]
        return emit.test(op.JGE_K, value, above, below, above_it if plain else say(above_it, value))

    blocks(0, len(segments))
    return choose(0, len(segments))
