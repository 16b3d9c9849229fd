"""Doors with keys have names of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.model import Config

KEYED = "[ssh]\nsequence_key = /{}\n"


@pytest.mark.parametrize("other", ["keys", "others"])
def test_two_doors_of_one_name(load_text: Callable[[str], Config], other: str) -> None:
    """A second one is refused, whatever its file: who heard a knock at one could open the other by it."""
    with pytest.raises(ConfigError) as caught:
        load_text(
            KEYED.format("keys") + "target = 192.0.2.1\n" + KEYED.format(other) + "target = 192.0.2.2\n"
        )
    (problem,) = caught.value.problems
    assert (4, "Sequence_Key") == (problem.line, problem.key)
    assert problem.message == (
        "expected another name than that of a door with a key before it: both would have the same sequences;"
        " got 'ssh', as in line 1"
    )


def test_a_plain_door_of_that_name(load_text: Callable[[str], Config]) -> None:
    """A door without a key may have the name, and so may names that differ in a letter's case."""
    found = load_text(
        "[ssh]\nsequence = 7000,8000,9000\n" + KEYED.format("keys") + "[SSH]\nsequence_key = /keys\n"
    )
    assert [(door.name, door.occurrence) for door in found.doors] == [("ssh", 0), ("ssh", 1), ("SSH", 0)]
