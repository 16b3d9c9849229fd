"""Logs joined: one after the other, merged where they overlap, each event once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.review import joining
from knockd.review.entries import Entry
from knockd.review.joining import Joiner, Log

Said = tuple[float, str]


def log(name: str, said: Sequence[Said], precision: float = 1, family: str = "") -> Log:
    """A log in which at some times some address knocked."""
    entries = [Entry(time, "stage", ip, "ssh", "", {"stage": 1}, precision) for time, ip in said]
    return Log(name, family or name, entries[0] if entries else None, lambda: iter(entries))


def joined(*logs: Log) -> tuple[Joiner, list[Said]]:
    """What becomes of logs."""
    joiner = Joiner()
    return joiner, [(entry.time, entry.ip) for entry in joiner.join_logs(logs)]


def test_one_after_the_other() -> None:
    """Logs are read by their first stamps, and the second is opened when the first is nearly over."""
    opened = []

    def watched(name: str, said: Sequence[Said]) -> Log:
        made = log(name, said)

        def read() -> Iterator[Entry]:
            opened.append(name)
            yield from made.read_entries()
            opened.append(f"end of {name}")

        return Log(name, name, made.first, read)

    logs = [watched("new", [(5000, "c"), (6000, "d")]), watched("old", [(1000, "a"), (2000, "b")])]
    joiner, said = joined(*logs)
    assert [(1000, "a"), (2000, "b"), (5000, "c"), (6000, "d")] == said
    assert ["old", "end of old", "new", "end of new"] == opened
    assert {} == joiner.overlapping


def test_merged_in_time() -> None:
    """Where logs overlap their entries alternate, and the overlap is told."""
    joiner, said = joined(
        log("b", [(1500, "b"), (3500, "d"), (9000, "f")]), log("a", [(1000, "a"), (3000, "c"), (4000, "e")])
    )
    assert ["a", "b", "c", "d", "e", "f"] == [ip for _, ip in said]
    assert ["a", "b"] == sorted(joiner.overlapping)
    assert joiner.doubles == 0


def test_a_copy() -> None:
    """What two logs have both counts once."""
    lines = [(1000, "a"), (1001, "a"), (1500, "b")]
    joiner, said = joined(log("file", lines), log("syslog", lines))
    assert lines == said
    assert joiner.doubles == 3


def test_a_copy_with_other_stamps() -> None:
    """Log file of 0.8 and syslog say the same, one without seconds; repeats within a log stay."""
    joiner, said = joined(
        log("syslog", [(1219, "a"), (1221, "a"), (1299, "b"), (1900, "c")]),
        log("file", [(1200, "a"), (1200, "a"), (1260, "b"), (1860, "c")], precision=60),
    )
    assert ["a", "a", "b", "c"] == [ip for _, ip in said]
    assert joiner.doubles == 4


@pytest.mark.parametrize("apart", [-1, 1])
def test_a_copy_around_a_minute(apart: int) -> None:
    """Stamps of one event may be on both sides of a minute, whichever log is ahead."""
    lines = [(1000, "a"), (1260 + (apart > 0), "b"), (1500, "c")]
    other = [(1000, "a"), (1260 - (apart < 0), "b"), (1500, "c")]
    joiner, said = joined(log("file", lines), log("syslog", other))
    assert ["a", "b", "c"] == [ip for _, ip in said]
    assert joiner.doubles == 3


@pytest.mark.parametrize("apart", [-120, 120])
def test_the_same_again(apart: int) -> None:
    """What comes two minutes later is no copy."""
    lines, other = [(1000, "a"), (1260, "b"), (1500, "c")], [(1000, "a"), (1260 + apart, "b"), (1500, "c")]
    assert joined(log("file", lines), log("syslog", other))[0].doubles == 2


def test_other_events() -> None:
    """Two events of one address in a minute that have the same fields are two."""
    made = log("a", [(1000, "a"), (1060, "b")])
    other = [entry._replace(event="expired") for entry in made.read_entries()]
    joiner, said = joined(made, Log("b", "b", other[0], lambda: iter(other)))
    assert len(said) == 4
    assert joiner.doubles == 0


def test_more_often_in_the_second() -> None:
    """An event that one log has twice and the other three times happened three times."""
    joiner, said = joined(
        log("1", [(1000, "a"), (1001, "a"), (1100, "b")]),
        log("2", [(1000, "a"), (1001, "a"), (1002, "a"), (1100, "b")]),
    )
    assert ["a", "a", "a", "b"] == [ip for _, ip in said]
    assert joiner.doubles == 3


def test_three_copies() -> None:
    """An event happened as often as in the log that has it most."""
    lines = [(1000, "a"), (1030, "a"), (1060, "b")]
    joiner, said = joined(log("1", lines), log("2", lines), log("3", lines[1:]))
    assert lines == said
    assert joiner.doubles == 5


def test_rotations_may_meet_within_a_minute() -> None:
    """The same line at the end of a rotation and at the beginning of the next are two events."""
    old = log("log.1", [(940, "a"), (1000, "b")], precision=60, family="log")
    new = log("log", [(1000, "b"), (1060, "c")], precision=60, family="log")
    joiner, said = joined(old, new)
    assert [(940, "a"), (1000, "b"), (1000, "b"), (1060, "c")] == said
    assert {} == joiner.overlapping


def test_a_log_whose_beginning_is_not_known() -> None:
    """It is read first, and merged like others."""
    made = log("x", [(1000, "a"), (3000, "c")])
    _, said = joined(log("y", [(2000, "b")]), Log("x", "x", None, made.read_entries))
    assert ["a", "b", "c"] == [ip for _, ip in said]


def test_an_empty_log() -> None:
    """A log without entries changes nothing."""
    assert [(1000, "a")] == joined(log("empty", []), log("a", [(1000, "a")]))[1]


def test_memory_is_bounded() -> None:
    """Of a minute only so many events are remembered; then a copy may count twice."""
    lines = [(1000.0, str(at)) for at in range(50)]
    before, joining.MOST_REMEMBERED = joining.MOST_REMEMBERED, 10
    try:
        _, said = joined(log("a", lines), log("b", lines))
    finally:
        joining.MOST_REMEMBERED = before
    assert len(said) == 90


TIMES = st.lists(st.integers(0, 400), max_size=12).map(sorted)


@given(st.lists(TIMES, max_size=4))
def test_nothing_is_lost(logs: list[list[int]]) -> None:
    """Logs that say different things give all of it, sorted."""
    made = [
        log(str(at), [(time, f"{at}.{n}") for n, time in enumerate(times)]) for at, times in enumerate(logs)
    ]
    _, said = joined(*made)
    assert sorted(time for times in logs for time in times) == [time for time, _ in said]
    assert sum(map(len, logs)) == len({ip for _, ip in said})


@given(TIMES, st.integers(1, 3))
def test_copies_change_nothing(times: list[int], copies: int) -> None:
    """However often a log is given, its events count once."""
    said = [(time, "a") for time in times]
    assert said == joined(*(log(str(at), said) for at in range(copies)))[1]
