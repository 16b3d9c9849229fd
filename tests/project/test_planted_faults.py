"""The faults that ``make mutants`` plants."""

from __future__ import annotations

import pytest

from tests.support.measures.faults_in_source import find_faults


@pytest.mark.parametrize(
    ("source", "faulty"),
    [
        ("close(1)", ["pass", "close(2)"]),
        ("self.open = door", ["pass"]),
        ("open = door", []),
        ("a = b < c", ["a = ((b) <= (c))"]),
        ("a = b or c", ["a = ((b))", "a = ((c))"]),
        ("a = not b", ["a = ((b))"]),
        ("a = b + c", ["a = ((b) - (c))"]),
        ("a = b if c else d", ["a = ((b))", "a = ((d))"]),
        ("a = True", ["a = False"]),
        ("a = '\u00fc', 1", ["a = '\u00fc', 2"]),
        ("def f(a: int | None = None) -> 'X': return a", []),
    ],
)
def test_what_is_planted(source: str, faulty: list[str]) -> None:
    """Each fault is in one place and all else stays as it was."""
    assert sorted(faulty) == sorted(fault.planted(source) for fault in find_faults(source))


def test_a_fault_can_be_run() -> None:
    """A piece that cannot be left out where it stands is left in."""
    assert [] == find_faults("def f() -> None:\n    return None\n")
