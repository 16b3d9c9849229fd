"""The page of benchmarks says at its head what its tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.figures import Outcome, at_least, at_most
from tests.bench.report import judge, page, replace_sections

PAGE = (Path(__file__).resolve().parents[2] / "docs/benchmarks.md").read_text()
GOOD = Outcome("One", "How.", (at_most("time", "ms", 1, 2),))
BAD = Outcome("Two", "How.", (at_least("share", "%", 1, 2), at_most("time", "ms", 1, 2)))


def test_the_page() -> None:
    """Each target that is missed in a table is named at the head, and the number is that of the tables."""
    assert PAGE.count("| **no** |\n") + PAGE.count("| yes |\n") > 60
    assert f"\n{judge(PAGE)}\n" in PAGE


def test_a_part_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a part of the page has come to counts at its head."""
    monkeypatch.setattr(report, "machine", lambda _: "Machine: any.")
    written = page([GOOD, BAD], 0.0, plot=False)
    assert "2 of 3 targets are met. Short of it:\n\n- Two, share: 1 %, target >= 2\n" in written
    better = replace_sections(written, [Outcome("Two", "How.", GOOD.figures)], 0.0)
    assert "2 of 2 targets are met.\n" in better
    assert "Short of it" not in better
    assert f"\n{judge(replace_sections(better, [BAD], 0.0))}\n" in replace_sections(better, [BAD], 0.0)
