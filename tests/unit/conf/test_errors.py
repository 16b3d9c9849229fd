"""Problems and notes as a person reads them."""

from __future__ import annotations

import pytest

from knockd_conf.errors import MAX_ALSO, MAX_SEEN, ConfigError, Note, Place, Problem, merge_notes, seen


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("/e/k.conf", 7, "Sequence", "expected x"), "/e/k.conf:7: Sequence: expected x"),
        (Problem("/e/k.conf", 7, None, "expected x"), "/e/k.conf:7: expected x"),
        (Problem("/e/k.conf", None, "User", "expected x"), "/e/k.conf: User: expected x"),
        (Problem("/e/k.conf", None, None, "expected x"), "/e/k.conf: expected x"),
    ],
)
def test_a_problem_is_a_line(problem: Problem, line: str) -> None:
    """File, line, key and message, each only where there is one."""
    assert line == str(problem)


def test_a_problem_forges_no_line() -> None:
    """Control characters in names of files and keys are escaped."""
    problem = Problem("/e/a\n.conf", None, "k\x1bey", "expected x")
    assert "/e/a\\n.conf: k\\x1bey: expected x" == str(problem)


def test_an_error_has_every_problem() -> None:
    """The text of the error is a line for each problem, in their order."""
    problems = [Problem("b", 2, None, "two"), Problem("a", 1, None, "one")]
    error = ConfigError(iter(problems))
    assert tuple(problems) == error.problems
    assert "b:2: two\na:1: one" == str(error)


@pytest.mark.parametrize(("passing", "expected"), [((True, True), True), ((True, False), False)])
def test_passing(passing: tuple[bool, ...], expected: bool) -> None:
    """Trying again may help when that holds for every problem."""
    error = ConfigError(Problem("a", 1, None, "x", passing=one) for one in passing)
    assert expected is error.passing


def test_a_problem_stays() -> None:
    """A problem is gone only when somebody mends it, unless it says otherwise."""
    assert not Problem("a", 1, None, "x").passing


def test_longest_value_that_is_shown_whole() -> None:
    """A value of MAX_SEEN characters is quoted as it is, one more is cut."""
    assert f"'{'x' * MAX_SEEN}'" == seen("x" * MAX_SEEN)
    assert f"'{'x' * MAX_SEEN}...'" == seen("x" * MAX_SEEN + "y")


def test_what_is_seen_is_printable() -> None:
    """A quoted value cannot move the cursor; what is cut is counted before it is escaped."""
    assert "'a\\x1b[2J'" == seen("a\x1b[2J")
    assert f"'{chr(92)}n{'x' * (MAX_SEEN - 1)}'" == seen("\n" + "x" * (MAX_SEEN - 1))


def test_a_note_is_a_line() -> None:
    """A note is printed as a problem is, and nothing in it forges a line."""
    assert "/e/k.conf:7: TCPFlags: odd" == str(Note("/e/k.conf", 7, "TCPFlags", "odd"))
    assert "/e/k.conf: odd" == str(Note("/e/k.conf", None, None, "odd"))
    assert "/e/\\nk:1: [a\\x1b]: odd" == str(Note("/e/\nk", 1, "[a\x1b]", "odd"))


def test_what_holds_of_several_places_is_one_note() -> None:
    """The first place is named in full, the others by their lines; the key's case does not matter."""
    notes = [
        Note("a", 3, "TCPFlags", "odd"),
        Note("a", 5, "Sequence", "odd"),
        Note("a", 9, "tcpflags", "odd"),
        Note("b", 2, "TCPFlags", "odd"),
    ]
    assert [str(note) for note in merge_notes(notes)] == [
        "a:3: TCPFlags: odd (also line 9, b:2)",
        "a:5: Sequence: odd",
    ]


def test_the_same_place_is_named_once() -> None:
    """A template's key is that of every door that inherits it."""
    assert (Note("a", 3, "k", "odd"),) == merge_notes([Note("a", 3, "k", "odd")] * 3)


def test_sections_are_of_one_kind() -> None:
    """What is missing in several sections is one note."""
    [note] = merge_notes([Note("a", 3, "[x]", "odd"), Note("a", 8, "[y]", "odd")])
    assert "a:3: [x]: odd (also line 8)" == str(note)


def test_many_places() -> None:
    """At most MAX_ALSO further places are named, the rest are counted."""
    [note] = merge_notes(Note("a", line, "k", "odd") for line in range(1, MAX_ALSO + 4))
    assert "a:1: k: odd (also line 2, line 3, line 4, line 5, line 6 and 2 more)" == str(note)


def test_a_place_is_what_a_line_begins_with() -> None:
    """A place is printed as in front of a message."""
    assert "a:3: k" == str(Place("a", 3, "k"))
    assert "a" == str(Place("a"))
