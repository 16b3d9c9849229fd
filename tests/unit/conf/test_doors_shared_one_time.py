"""One-time files belong to one door each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.model import Config


def test_two_doors_of_one_file_are_an_error(load_text: Callable[[str], Config]) -> None:
    """A second door with the same one-time file is refused: it would take each used line once more."""
    with pytest.raises(ConfigError) as caught:
        load_text("[a]\none_time_sequences = /codes\n[b]\none_time_sequences = /codes\n")
    (problem,) = caught.value.problems
    assert (3, "One_Time_Sequences", "expected a file of its own, got '/codes', which is that of [a]") == (
        problem.line,
        problem.key,
        problem.message,
    )
