"""When packets came: by our clock as usual, by the kernel's stamps when we were late."""

from __future__ import annotations

import pytest

from knockd.knocks.batch import RECORD
from knockd.knocks.stamps import passed_over, stamp, times
from tests.support.samples.frames import captured


def records(*seconds: float) -> bytes:
    """Records with these stamps."""
    return captured([b""] * len(seconds), [round(second * 1e6) for second in seconds])[1]


def test_no_records() -> None:
    """Nothing came at no time."""
    assert times(b"", 9.0, 0.0, 0.0, 0.02) == []


def test_in_time() -> None:
    """As long as the first packet waited no longer than the slack, all came now."""
    assert times(records(8.99, 8.995), 9.0, 0.0, 0.0, 0.02) == [9.0, 9.0]


def test_a_backlog_is_judged_by_its_stamps() -> None:
    """Packets that waited in the ring keep their distance."""
    assert times(records(5.0, 6.5), 9.0, 1.0, 0.0, 0.02) == [5.0, 6.5]


@pytest.mark.parametrize("offset", [-1000.0, 0.0, 1000.0])
def test_the_offset_is_added_to_the_stamps(offset: float) -> None:
    """Where our clock shows more than the kernel's, a packet came later by our clock than its stamp says."""
    now = 2009.0 + offset
    assert times(records(2005.0, 2006.5), now, 0.0, offset, 0.02) == [2005.0 + offset, 2006.5 + offset]
    assert times(records(2008.995), now, 0.0, offset, 0.02) == [now]


def test_from_floor_to_now() -> None:
    """A stamp before the floor or after now is not believed."""
    assert times(records(5.0, 6.5, 10.0), 9.0, 6.0, 0.0, 0.02) == [6.0, 6.5, 9.0]


def test_packets_of_one_millisecond_share_a_time() -> None:
    """Packets up to a millisecond after one share its time, the next has its own."""
    assert times(records(5.0, 5.0005, 5.001, 5.002), 9.0, 0.0, 0.0, 0.02) == [5.0, 5.0, 5.0, 5.002]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_stamp_of_a_record(place: int) -> None:
    """A stamp is that of the record at its place, in microseconds."""
    stamps = [1_000_000, 2_000_001, 3_999_999]
    assert stamp(captured([b"", b"1", b""], stamps)[1], place) == stamps[place]


def test_passed() -> None:
    """All until the first stamp has been judged, and what has one of the stamps; no order is needed."""
    passed = passed_over([2_000_000, 5_000_000, 3_000_000])
    made = b"".join(RECORD.pack(second, 0, 0, 60) for second in (3, 1, 4, 5, 2, 6))
    assert passed.places(made) == {0, 1, 3, 4}


def test_nothing_passed() -> None:
    """Without stamps nothing has been judged."""
    assert passed_over([]).places(RECORD.pack(5, 0, 0, 60)) == set()
    assert passed_over([1]).places(b"") == set()


def test_late_in_the_ring() -> None:
    """A batch that begins after the last stamp may hold packets that were stamped before."""
    made = RECORD.pack(5, 7, 0, 60) + RECORD.pack(5, 6, 0, 60)
    assert passed_over([5_000_001, 5_000_006]).places(made) == {1}
