"""The unit tests mirror the source: a file for each module, no file without one. Pages list shared files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.measures import mirror

SUPPORT = mirror.ROOT / "tests" / "support"
FILES = sorted(mirror.UNIT.rglob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(mirror.UNIT)))
def test_is_about_a_module(path: Path) -> None:
    """A file of unit tests lies where its module lies and has its name."""
    assert mirror.owner(path) is not None


def test_every_module_has_its_tests() -> None:
    """Each module has a file of tests of its own."""
    assert set() == set(mirror.modules()) - {mirror.owner(path) for path in FILES}


def test_the_page_of_the_support() -> None:
    """tests/support/README.md has a line for each file, by folder."""
    sections = (SUPPORT / "README.md").read_text().split("\n## ")[1:]
    lines = {
        f"{one.split()[0]}/{name}" for one in sections for name in re.findall(r"^\| (\w+\.py) \|", one, re.M)
    }
    files = {str(path.relative_to(SUPPORT)) for path in SUPPORT.glob("*/*.py") if path.stem != "__init__"}
    assert files == lines


def test_the_page_of_the_systems() -> None:
    """tests/systems/README.md has a line for each file."""
    folder = SUPPORT.with_name("systems")
    lines = re.findall(r"^\| (\w+\.py) \|", (folder / "README.md").read_text(), re.M)
    assert sorted(lines) == sorted(path.name for path in folder.glob("*.py") if path.stem != "__init__")
