"""The version is written in one place."""

from __future__ import annotations

import re
from pathlib import Path

from knockd import __version__

ROOT = Path(__file__).resolve().parents[2]
SEARCHED = ("knockd", "bpf", "conf", "docs", "setup.cfg", "pyproject.toml", "README.md", "Makefile")
SCREEN = re.compile(r"^knockd (\S+) on .*", re.MULTILINE)
"""The first line of the status, as pages show it: a sample of some release."""
SUFFIXES = {"", ".py", ".md", ".cfg", ".toml", ".1", ".5", ".8", ".conf", ".control", ".yml"}


def test_one_place() -> None:
    """No file but knockd/__init__.py has it: who raises it there raises it everywhere."""
    alone = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.]*\d)")
    tops = [ROOT / name for name in SEARCHED]
    files = [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top])]
    texts = [path for path in files if path.is_file() and path.suffix in SUFFIXES]
    found = {str(path.relative_to(ROOT)) for path in texts if alone.search(SCREEN.sub("", path.read_text()))}
    assert found - {"knockd/__init__.py"} == set()


def test_screens_are_of_releases() -> None:
    """A screen of the status that a page shows has a version that was released."""
    released = re.findall(r"^## \[([\d.]+)\] - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    shown = [one for page in (ROOT / "docs").rglob("*.md") for one in SCREEN.findall(page.read_text())]
    assert len(shown) >= 2
    assert set(shown) <= set(released)
