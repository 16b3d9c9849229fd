"""The binary search, run on every value that it may see."""

from __future__ import annotations

import math
import random

import pytest

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.search import emit_search
from knockd_bpf.vm import Run, run_program

END = 65_536


def searched(segments: list[tuple[int, int]], values: list[int]) -> list[Run]:
    """For each value, what a search ends with; segments are (first value, verdict)."""
    emit = Emitter()
    labels = {verdict: emit.ret(verdict, "") for verdict in dict(segments).values()}
    at = emit_search(emit, [(first, labels[verdict]) for first, verdict in segments], END, "port")
    emit.do(op.LD_H_ABS, 0, at, "load")
    code, _ = emit.finish()
    return [run_program(code, value.to_bytes(2, "big")) for value in values]


def edges(segments: list[tuple[int, int]]) -> list[int]:
    """The first and the last value of each segment."""
    firsts = [first for first, _ in segments]
    return sorted({*firsts, *(first - 1 for first in firsts[1:]), END - 1})


def expected(segments: list[tuple[int, int]], value: int) -> int:
    """The verdict of the segment that a value lies in, found in the plain way."""
    return [verdict for first, verdict in segments if first <= value][-1]


@pytest.mark.parametrize(
    "segments",
    [
        [(0, 1)],
        [(0, 1), (1, 2)],
        [(0, 1), (END - 1, 2)],
        [(0, 1), (7, 2), (8, 1)],
        [(0, 1), (7, 2), (8, 3)],
        [(0, 1), (7, 2), (9, 1)],
        [(0, 1), (7, 2), (8, 3), (9, 1)],
    ],
    ids=str,
)
def test_few_segments(segments: list[tuple[int, int]]) -> None:
    """Each value ends in its own segment, at the edges too."""
    values = edges(segments)
    assert [expected(segments, value) for value in values] == [
        run.verdict for run in searched(segments, values)
    ]


def test_one_value_between_two_alike_takes_one_test() -> None:
    """A single port among others is one comparison: load, test, return."""
    runs = searched([(0, 1), (7, 2), (8, 1)], [6, 7, 8])
    assert [Run(1, 3), Run(2, 3), Run(1, 3)] == runs


@pytest.mark.parametrize("count", [100, 502, 503, 504, 1_500])
def test_many_segments(count: int) -> None:
    """Also where jumps do not reach, each value ends in its own segment, after about log2(count) tests."""
    rng = random.Random(count)
    firsts = [0, *sorted(rng.sample(range(1, END), count - 1))]
    segments = [(first, 1 + at % 2) for at, first in enumerate(firsts)]
    values = edges(segments)
    runs = searched(segments, values)
    assert [expected(segments, value) for value in values] == [run.verdict for run in runs]
    assert max(run.steps for run in runs) <= 2 * math.ceil(math.log2(count)) + 4
