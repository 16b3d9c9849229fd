"""A one-time file of any bytes opens once a valid line, in order; striking changes one byte; no line shows.

The input is the file.
"""

from __future__ import annotations

from knockd_conf.model import MAX_STEPS
from knockd_conf.one_time import find_live_line, parse_one_time, strike_line

MAX_STRUCK = 8


def check(data: bytes) -> None:
    """Use the lines of a file up."""
    found = parse_one_time(data)
    assert find_live_line(data) == found.live
    assert (found.live is None) == (found.left == 0)
    secret = [line.decode("ascii", "replace") for line in data.split(b"\n") if len(line.strip()) > 10]
    assert not any(line in problem for line in secret for problem in found.problems)
    assert all(len(problem.splitlines()) == 1 for problem in found.problems)
    last = -1
    for _ in range(MAX_STRUCK):
        now = found.live
        if now is None:
            return
        assert last < now.offset
        assert 1 <= len(now.steps) <= MAX_STEPS
        after = strike_line(data, now.offset)
        assert after == data[: now.offset] + b"#" + data[now.offset + 1 :]
        following = parse_one_time(after)
        assert (following.left, following.problems) == (found.left - 1, found.problems)
        data, found, last = after, following, now.offset
