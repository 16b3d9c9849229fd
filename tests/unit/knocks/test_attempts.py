"""The bounded table of attempts."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.knocks.attempts import Attempts


def key(number: int, tag: bytes = b"x.") -> bytes:
    """A key of a tag."""
    return b"%d%b" % (number, tag)


def filled(bound: int, keys: int) -> Attempts[float]:
    """A table into which ``keys`` entries of one tag were put."""
    table: Attempts[float] = Attempts(bound)
    fill(table, keys)
    return table


def fill(table: Attempts[float], keys: int, tag: bytes = b"x.", first: int = 0) -> None:
    """Puts so many entries of a tag into a table, their numbers from ``first``."""
    for number in range(first, first + keys):
        table.put(key(number, tag), number)


def numbers(table: Attempts[float], tag: bytes) -> list[float]:
    """What a table holds of a tag, sorted."""
    return sorted(value for of, value in table.items() if of.endswith(tag))


def test_get() -> None:
    """What was put is there, in either generation."""
    table = filled(4, 3)
    assert [table.get(key(number)) for number in range(3)] == [0, 1, 2]


def test_get_of_nothing() -> None:
    """A key that is not there is None."""
    assert [filled(4, 0).get(b"9x."), filled(4, 3).get(b"9x.")] == [None, None]


@pytest.mark.parametrize("number", [0, 2], ids=["old", "young"])
def test_pop(number: int) -> None:
    """What is taken out is gone."""
    table, taken = filled(4, 3), key(number)
    assert (table.pop(taken), table.pop(taken), table.get(taken), len(table)) == (number, None, None, 2)


def test_falsy_values() -> None:
    """An attempt that began at time 0 is an attempt."""
    table = filled(4, 1)
    assert (table.get(key(0)), table.pop(key(0)), len(table)) == (0, 0, 0)


@pytest.mark.parametrize("bound", [2, 3, 10, 101, 1024])
def test_bound(bound: int) -> None:
    """The table never holds more than its bound, nor less than a quarter of it once it was full."""
    sizes = [len(filled(bound, keys)) for keys in range(bound, 3 * bound, 1 + bound // 100)]
    assert (max(sizes) <= bound, min(sizes) >= bound // 4) == (True, True)


@pytest.mark.parametrize(("bound", "full"), [(1024, 341), (65_536, 21_845), (1_048_576, 349_525)])
def test_a_power_of_two_keeps_a_third(bound: int, full: int) -> None:
    """A generation just fills a dict."""
    table: Attempts[float] = Attempts(bound)
    assert table.full == full


def test_one_entry_more_would_double_a_generation() -> None:
    """What is known of CPython's dicts is still so: a full generation is half as big as with one more."""
    entries = dict.fromkeys(map(str, range(Attempts[float](65_536).full)))
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
    assert list(filled(4, 3).items()) == [(key(0), 0), (key(1), 1), (key(2), 2)]


def test_a_flood_at_one_tag_leaves_the_others() -> None:
    """What others have stays, however many entries of one tag come, one by one or together."""
    table: Attempts[float] = Attempts(1_024)
    table.add(b"y.", {key(number, b"y."): float(number) for number in range(20)})
    fill(table, 30, b"z.")
    fill(table, 5_000)
    for start in range(5_000, 10_000, 10):
        table.add(b"x.", {key(number): float(number) for number in range(start, start + min(10, table.room))})
        table.put(key(start, b"w."), start)
    assert (numbers(table, b"y."), numbers(table, b"z.")) == ([*range(20)], [*range(30)])
    assert len(table) <= 1_024


def test_all_share_a_quarter_of_a_generation() -> None:
    """What some tags do not need others take: the youngest entries of each."""
    table: Attempts[float] = Attempts(1_024)  # 341 entries in a generation, 85 in a quarter
    fill(table, 5, b"v.")
    fill(table, 100, b"y.")
    fill(table, 200, b"z.")
    fill(table, 36 + 341)
    assert [len(numbers(table, tag)) for tag in (b"v.", b"y.", b"z.")] == [5, 100, 200]
    fill(table, 1, b"x.", 500)
    kept = [numbers(table, tag) for tag in (b"v.", b"y.", b"z.")]
    assert kept == [[*range(5)], [*range(60, 100)], [*range(160, 200)]]


def test_what_a_tag_has_in_the_young_generation_counts() -> None:
    """A tag keeps a quarter of a generation at most, young entries included."""
    table: Attempts[float] = Attempts(1_024)  # 341 entries in a generation, 85 in a quarter
    fill(table, 200, b"y.")
    fill(table, 141)
    fill(table, 80, b"y.", 1_000)
    fill(table, 262, first=1_000)
    assert numbers(table, b"y.") == [*range(195, 200), *range(1_000, 1_080)]


def test_room_and_add() -> None:
    """There is room for what is missing in the young generation."""
    table = filled(1_024, 341 + 300)
    assert table.room == 41
    table.add(b"x.", {key(number): float(number) for number in range(1_000, 1_041)})
    assert (table.room, len(table), table.get(key(1_040))) == (0, 2 * 341, 1_040)


def test_known_and_forget() -> None:
    """Both generations are looked through for keys, and for tags that are forgotten."""
    table: Attempts[float] = Attempts(4)
    fill(table, 1, b"y.")
    fill(table, 1)
    fill(table, 1, b"y.", 5)
    asked = dict.fromkeys([key(0, b"y."), key(0), key(5, b"y."), key(7)])
    assert table.known(asked.keys()) == asked.keys() - {key(7)}
    table.forget([])
    assert len(table) == 3
    table.forget([b"y."])
    assert [*table.items()] == [(key(0), 0)]


@given(
    st.integers(2, 200),
    st.lists(st.tuples(st.sampled_from([b"x.", b"y.", b"z."]), st.integers(1, 100)), max_size=20),
)
def test_always_bounded_and_the_youngest_are_there(bound: int, floods: list[tuple[bytes, int]]) -> None:
    """Whatever comes, the bound holds, all that went is counted, and the last entries are there."""
    table, put, last = Attempts[float](bound), 0, [b""]
    for tag, many in floods:
        fill(table, many, tag, put)
        put += many
        last += [key(number, tag) for number in range(put - many, put)]
        assert len(table) <= bound
        assert len(table) + table.evicted == put
        assert all(table.get(each) is not None for each in last[1:][-max(1, bound // 6) :])
