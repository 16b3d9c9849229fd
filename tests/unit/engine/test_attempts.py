"""The bounded table of attempts."""

from __future__ import annotations

import sys

import pytest

from knockd.engine.attempts import Attempts


def filled(bound: int, keys: int) -> Attempts[int]:
    """A table into which ``keys`` entries were put."""
    table: Attempts[int] = Attempts(bound)
    for number in range(keys):
        table.put(str(number).encode(), number)
    return table


def test_get() -> None:
    """What was put is there, in either generation."""
    table = filled(4, 3)
    assert [table.get(str(number).encode()) for number in range(3)] == [0, 1, 2]


def test_get_of_nothing() -> None:
    """A key that is not there is None."""
    assert [filled(4, 0).get(b"x"), filled(4, 3).get(b"x")] == [None, None]


@pytest.mark.parametrize("key", [b"0", b"2"], ids=["old", "young"])
def test_pop(key: bytes) -> None:
    """What is taken out is gone."""
    table = filled(4, 3)
    assert (table.pop(key), table.pop(key), table.get(key), len(table)) == (int(key), None, None, 2)


def test_falsy_values() -> None:
    """An attempt that began at time 0 is an attempt."""
    table = filled(4, 1)
    assert (table.get(b"0"), table.pop(b"0"), len(table)) == (0, 0, 0)


@pytest.mark.parametrize("bound", [2, 3, 10, 101, 1024])
def test_bound(bound: int) -> None:
    """The table never holds more than its bound, nor less than a quarter of it once it was full."""
    sizes = [len(filled(bound, keys)) for keys in range(bound, 3 * bound, 1 + bound // 100)]
    assert (max(sizes) <= bound, min(sizes) >= bound // 4) == (True, True)


@pytest.mark.parametrize(("bound", "full"), [(1024, 341), (65_536, 21_845), (1_048_576, 349_525)])
def test_a_power_of_two_keeps_a_third(bound: int, full: int) -> None:
    """A generation just fills a dict."""
    table: Attempts[int] = Attempts(bound)
    assert table.full == full


def test_one_entry_more_would_double_a_generation() -> None:
    """What is known of CPython's dicts is still so: a full generation is half as big as with one more."""
    entries = dict.fromkeys(map(str, range(Attempts[int](65_536).full)))
    before = sys.getsizeof(entries)
    entries["one more"] = None
    assert sys.getsizeof(entries) > 1.9 * before


def test_the_oldest_go_first() -> None:
    """What is forgotten is older than everything that stays."""
    table = filled(10, 23)
    assert [value for _, value in table.items()] == list(range(15, 23))


def test_evicted() -> None:
    """What is forgotten is counted."""
    table = filled(10, 23)
    assert table.evicted + len(table) == 23


def test_items() -> None:
    """Every entry comes once, the older generation first."""
    assert list(filled(4, 3).items()) == [(b"0", 0), (b"1", 1), (b"2", 2)]
