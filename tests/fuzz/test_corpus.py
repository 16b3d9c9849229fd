"""Every invariant holds for the whole corpus and for all that ever broke one: no fuzzer needed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.fuzz.__main__ import HERE, TARGETS, inputs

CASES = [(name, path) for name in TARGETS for path in inputs(name)]
MAX_INPUTS = 100
"""A corpus is small: the fewest inputs that reach all there is to reach."""


@pytest.mark.parametrize(("name", "path"), CASES, ids=[f"{name}-{path.name}" for name, path in CASES])
def test_the_invariant_holds(name: str, path: Path) -> None:
    """What the target's first sentence says is true of this input."""
    importlib.import_module(f"tests.fuzz.targets.{name}").check(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_a_corpus(name: str) -> None:
    """A corpus is there, and small."""
    assert 0 < len(inputs(name)) <= MAX_INPUTS


def test_nothing_in_the_corpus_is_for_nobody() -> None:
    """Every folder and every dictionary belongs to a target."""
    folders = [path.name for kind in ("corpus", "regressions") for path in (HERE / kind).glob("*")]
    dictionaries = [path.stem for path in (HERE / "dictionaries").glob("*")]
    assert set() == set(folders + dictionaries) - set(TARGETS)
