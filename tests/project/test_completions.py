"""The completions in the tree are those of the parsers."""

from __future__ import annotations

from knockd_packages.completions import FOLDER, make_completions


def test_files_are_those_of_the_parsers() -> None:
    """What is in conf/completions is what `make completions` makes."""
    made = make_completions()
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == set(made)
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name}: run make completions"
