"""Made logs are what they claim: each line is an event, and a seed gives the same ones in each format."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import pairwise

import pytest

from knockd.log.catalogue import check
from knockd.log.classic import parse_classic
from tests.support.samples.log_maker import Form, make_log

LINES = 20_000


def made(form: Form) -> tuple[list[str], Counter[str]]:
    """The lines of a made log, and what its maker says of it."""
    out = io.BytesIO()
    counts = make_log(out, LINES, form, seed=7)
    return out.getvalue().decode().splitlines(), counts


def text_of(line: str, form: Form) -> str:
    """A line without stamp and program."""
    match form:
        case Form.OLD | Form.CLASSIC:
            return line[19:]
        case Form.RFC5424:
            return line.split(" - - ", 1)[1]
        case _:
            return line.split("knockd[812]: ", 1)[1]


@pytest.mark.parametrize("form", [form for form in Form if form != Form.JSON])
def test_a_line_of_text_is_an_event(form: Form) -> None:
    """Each line that is not empty parses, and there are as many of each event as the maker says."""
    lines, counts = made(form)
    found: Counter[str] = Counter()
    for line in filter(None, lines):
        parsed = parse_classic(text_of(line, form))
        assert parsed is not None, line
        found[parsed[0]] += 1
    assert found == counts
    assert found.total() == LINES


def test_json_has_the_same_events() -> None:
    """A seed gives the same events whatever the format."""
    lines, counts = made(Form.JSON)
    assert Counter(json.loads(line)["event"] for line in lines) == counts
    assert counts == made(Form.CLASSIC)[1]


def test_json_has_the_fields_of_the_catalogue() -> None:
    """A line of JSON has what the logger would let through, and no more."""
    for line in made(Form.JSON)[0]:
        found = json.loads(line)
        del found["time"]
        level = found.pop("level")
        assert check(found.pop("event"), found).level == level


def test_old_lines_are_those_of_0_8() -> None:
    """A log of 0.8 has no event that it does not know, and an empty line behind each command."""
    lines, counts = made(Form.OLD)
    assert not counts.keys() & {"guarded", "spoiled", "held-back"}
    assert all(after == "" for line, after in pairwise(lines) if "running command" in line)


def test_times_ascend() -> None:
    """A line is not older than the one before."""
    times = [json.loads(line)["time"] for line in made(Form.JSON)[0]]
    assert times == sorted(times)
