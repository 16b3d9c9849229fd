"""Chunks to lines, in bounded memory."""

from __future__ import annotations

from collections import deque
from itertools import pairwise, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.review.lines import LONGEST
from knockd.review.splitting import ENDLESS, LineSplitter
from knockd.review.unreadable import Unreadable


@given(st.binary(max_size=60).map(lambda data: data.replace(b"\x00", b"\n")), st.lists(st.integers(0, 60)))
def test_chunks_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """However the bytes come, the lines are the same, and what stands behind the last newline is kept."""
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in pairwise(places)]
    splitter = LineSplitter()
    lines = [line for batch in splitter.split_chunks(chunks) for line in batch]
    assert data.split(b"\n") == [*lines, splitter.half]
    assert len(data) - len(splitter.half) == splitter.length


def test_a_line_that_is_too_long_comes_once() -> None:
    """It comes cut, one byte longer than a reader takes, and the lines around it are whole."""
    splitter = LineSplitter()
    chunks = [b"a\n" + b"x" * LONGEST, b"x" * LONGEST, b"x\nb\nc"]
    lines = [line for batch in splitter.split_chunks(chunks) for line in batch]
    assert [b"a", b"x" * (LONGEST + 1), b"b"] == lines
    assert b"c" == splitter.half
    assert sum(map(len, chunks)) - 1 == splitter.length


def test_no_newline_at_all() -> None:
    """A file without newlines is given up, and nothing of it is kept in memory."""
    splitter = LineSplitter()
    chunk = bytes(1 << 20)
    with pytest.raises(Unreadable, match="no newline in 67,108,864 bytes: this is no log"):
        deque(splitter.split_chunks(repeat(chunk, ENDLESS // len(chunk) + 1)), maxlen=0)
    assert b"" == splitter.half
