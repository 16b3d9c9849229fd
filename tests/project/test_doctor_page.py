"""docs/doctor.md has a row for each kind of finding, and the manual page names the subcommand."""

from __future__ import annotations

import re
from pathlib import Path

from knockd.doctor import findings
from knockd.doctor.findings import KINDS

ROOT = Path(__file__).resolve().parents[2]


def test_findings() -> None:
    """The table of the page is that of the code."""
    page = (ROOT / "docs/doctor.md").read_text()
    table = re.search(r"<!-- findings -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    assert table is not None
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table[1].splitlines()[2:]]
    assert [(name, severity.value, meaning) for name, (severity, meaning) in KINDS.items()] == rows


def test_every_kind_is_found_somewhere() -> None:
    """No kind is left that nothing finds."""
    folder = Path(findings.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "findings.py")
    assert [] == [name for name in KINDS if f'"{name}"' not in source]
