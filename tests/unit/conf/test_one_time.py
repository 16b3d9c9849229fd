"""One-time sequence files: the live line, and striking it out."""

from __future__ import annotations

import pytest

from knockd_conf.model import Step
from knockd_conf.one_time import (
    MAX_SIZE,
    LiveLine,
    OneTimeFile,
    find_lines,
    find_live_line,
    find_struck,
    line_of,
    parse_one_time,
    strike_line,
)
from knockd_conf.protocol import Protocol

BAD = "expected port[:tcp|udp] steps divided by commas, got something else (not shown: it may be secret)"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1,2\n", LiveLine(0, (Step(1), Step(2)))),
        (b" 1,2", LiveLine(0, (Step(1), Step(2)))),
        (b"\n#9\n\t# 8\n 1:udp\r\n2\n", LiveLine(9, (Step(1, Protocol.UDP),))),
        (b"abc\n1,99999\n 3 , 4\n", LiveLine(12, (Step(3), Step(4)))),
        (b"", None),
        (b"\n\n#1,2,3\n", None),
        (b"\0\xff\n", None),
    ],
)
def test_live_line(data: bytes, expected: LiveLine | None) -> None:
    """The first valid line is live; blank, struck and invalid lines are passed over."""
    assert expected == find_live_line(data)


def test_whole_file() -> None:
    """Reading returns the live sequence, the number of sequences left, and the lines that are not valid."""
    expected = OneTimeFile(LiveLine(4, (Step(1),)), 2, (f"line 1: {BAD}", f"line 4: {BAD}"))
    assert expected == parse_one_time(b"1,x\n 1\n#7\n1,,2\n 2\n")


def test_secrets_stay_secret() -> None:
    """A message about a bad line does not show the line."""
    assert "7000" not in " ".join(parse_one_time(b"7000,8000,90000\n").problems)


def test_long_line() -> None:
    """A line of silly length is not valid."""
    expected = (
        "line 1: expected a line of at most 1024 bytes, got a longer one (not shown: it may be secret)",
    )
    assert (expected, LiveLine(1026, (Step(2),))) == (
        parse_one_time(b" " * 1024 + b"1\n2").problems,
        find_live_line(b" " * 1024 + b"1\n2"),
    )


def test_many_bad_lines() -> None:
    """Twenty bad lines are described, the rest counted."""
    problems = parse_one_time(b"x\n" * 25).problems
    assert (len(problems), problems[-1]) == (21, "and 5 more lines that are not valid")


def test_large_file() -> None:
    """A file over the limit has no live line, and reading says why."""
    data = b"1\n" * (MAX_SIZE // 2) + b"\n"
    assert find_live_line(data) is None
    assert OneTimeFile(
        None, 0, ("expected a file of at most 1048576 bytes, got a larger one",)
    ) == parse_one_time(data)


def test_strike() -> None:
    """A used line has its first byte replaced by '#', in place, and the next one is live."""
    data = b" 1,2\n 3,4\n"
    struck = strike_line(data, 0)
    assert (b"#1,2\n 3,4\n", LiveLine(5, (Step(3), Step(4)))) == (struck, find_live_line(struck))


def test_strike_to_the_end() -> None:
    """Striking each live line in turn leaves none."""
    data = b"1\n2:udp\n\n3"
    ports = []
    while (line := find_live_line(data)) is not None:
        ports.append(line.steps[0].port)
        data = strike_line(data, line.offset)
    assert (ports, data) == ([1, 2, 3], b"#\n#:udp\n\n#")


@pytest.mark.parametrize("offset", [-1, 1, 4, 100])
def test_strike_elsewhere(offset: int) -> None:
    """Only the first byte of a line can be struck."""
    with pytest.raises(ValueError, match=f"^expected the offset of a line, got {offset}$"):
        strike_line(b"1,2\n", offset)


@pytest.mark.parametrize("data", [b"#1\n", b"\n1\n"])
def test_strike_twice(data: bytes) -> None:
    """A line that is struck, or empty, is not struck again."""
    with pytest.raises(ValueError, match=r"^expected the offset of a line that is in use, got 0$"):
        strike_line(data, 0)


def test_a_line_to_be_put_in() -> None:
    """A line begins with a space, so that all digits are there still when it is struck out."""
    steps = (Step(7_000), Step(8_000, Protocol.UDP))
    assert " 7000,8000:udp" == line_of(steps)
    assert [LiveLine(0, steps)] == list(find_lines(line_of(steps).encode()))
    assert b"#7000,8000:udp" == strike_line(line_of(steps).encode(), 0)


def test_lines_that_are_struck_out() -> None:
    """Each line that begins with a hash is found by its offset, the first one and the last one too."""
    assert [0, 4, 13, 15] == list(find_struck(b"# a\n#,2\n 1,2\n#\n# "))
    assert [0, 15] == list(find_struck(b"#\n 1 # 2\n\n 3\nx\n#"))
    assert [] == list(find_struck(b""))
