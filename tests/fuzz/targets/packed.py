"""Whatever the bytes of a file, it becomes lines and ends; how many bytes come at once changes nothing.

The input is a byte that says how many bytes come at once, and the file.
"""

from __future__ import annotations

from collections.abc import Iterable

from knockd.review.lines import LONGEST
from knockd.review.splitting import LineSplitter
from knockd.review.unpack import unpack_chunks
from knockd.review.unreadable import Unreadable


def check(data: bytes) -> None:
    """Unpack and split the file in chunks and at once."""
    size, file = 1 + (data[0] if data else 0), data[1:]
    whole, why = _unpack([file])
    pieces, why_pieces = _unpack(file[at : at + size] for at in range(0, len(file), size))
    assert (why is None) == (why_pieces is None)
    if why is not None:
        assert str(why).isprintable()
        return
    assert whole == pieces
    splitter = LineSplitter()
    lines = [line for batch in splitter.split_chunks([whole[:size], whole[size:]]) for line in batch]
    assert len(splitter.half) + splitter.length == len(whole) or len(whole) > LONGEST
    if all(len(line) <= LONGEST for line in lines):
        assert [*lines, splitter.half] == whole.split(b"\n")


def _unpack(chunks: Iterable[bytes]) -> tuple[bytes, Unreadable | None]:
    """What came out, and why there is no more."""
    out = []
    try:
        for chunk in unpack_chunks(iter(chunks)):
            out.append(chunk)
    except Unreadable as error:
        return b"".join(out), error
    return b"".join(out), None
