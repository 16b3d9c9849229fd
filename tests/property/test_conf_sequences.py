"""One-time files: reading is total, and striking ends exactly one line."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from knockd_conf.one_time import find_live_line, parse_one_time, strike_line

BOUNDED = settings(max_examples=200, deadline=None)
jumble = st.lists(
    st.sampled_from(
        [b"1", b"65535", b"65536", b",", b":udp", b":tcp", b"#", b" ", b"\n", b"\r\n", b"x", b"\xff", b"\0"]
    ),
    max_size=60,
).map(b"".join)


@BOUNDED
@given(data=st.one_of(st.binary(max_size=300), jumble))
@example(data=b"9" * 5_000)
def test_total(data: bytes) -> None:
    """Any bytes are read, and both readers agree on the live line."""
    found = parse_one_time(data)
    assert found.live == find_live_line(data)
    assert (found.live is None) == (found.left == 0)


@BOUNDED
@given(data=jumble)
def test_strike_ends_one_line(data: bytes) -> None:
    """Striking the live line changes one byte, leaves one sequence fewer, and moves the live line on."""
    found = parse_one_time(data)
    if found.live is None:
        return
    struck = strike_line(data, found.live.offset)
    after = parse_one_time(struck)
    assert [found.live.offset] == [i for i in range(len(data)) if data[i] != struck[i]]
    assert (found.left - 1, found.problems) == (after.left, after.problems)
    assert after.live is None or after.live.offset > found.live.offset


@BOUNDED
@given(data=jumble)
def test_ends(data: bytes) -> None:
    """Striking live lines comes to an end after as many as there were."""
    count = 0
    while (line := find_live_line(data)) is not None:
        data = strike_line(data, line.offset)
        count += 1
        assert count <= 60
    assert parse_one_time(data).left == 0
