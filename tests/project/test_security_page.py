"""The page about security names tests: each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[^`\s]+)`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_is_there(name: str) -> None:
    """A test that the page names exists, and so does a file that it names."""
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert not function or function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_its_test() -> None:
    """No row of the table of promises goes without a test."""
    table = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert rows
    assert [] == [row for row in rows if "`tests/" not in row.split("|")[2]]
