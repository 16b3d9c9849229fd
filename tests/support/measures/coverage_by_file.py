"""How much of each product file its own unit tests run.

``python -m tests.support.measures.coverage_by_file [NAME]`` runs the unit tests once and prints, worst first,
each file's share of lines that its own tests run, and which they do not run. Lines that are run at import
count. What tests do in processes of their own is not seen.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import coverage
import pytest

from tests.support.measures import mirror


class Contexts:
    """A plugin of pytest: what is run belongs to the file of the test, what is imported to everybody."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool | None, bool | None]:
        """Around set-up, test and tear-down."""
        self._measured.switch_context(str(item.path))
        try:
            return (yield)
        finally:
            self._measured.switch_context("")


class Share(NamedTuple):
    """Of one file: its lines with statements, and those of them that its own tests do not run."""

    name: str
    lines: int
    missing: tuple[int, ...]

    @property
    def percent(self) -> float:
        """Lines that are run, in percent."""
        return 100 * (1 - len(self.missing) / self.lines) if self.lines else 100.0


def measure(tests: list[str]) -> tuple[int, list[Share]]:
    """Run tests; pytest's exit status, and the shares of all files."""
    with tempfile.TemporaryDirectory() as folder:
        measured = coverage.Coverage(
            data_file=str(Path(folder) / "data"), config_file=False, include=[f"{one}/*" for one in roots()]
        )
        measured.start()
        status = pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[Contexts(measured)])
        measured.stop()
        data = measured.get_data()
        own = mirror.unit_tests()
        shares = []
        for name, path in mirror.modules().items():
            _, lines, _, missing, _ = measured.analysis2(str(path))
            mine = {"", *map(str, own.get(name, []))}
            by_line = data.contexts_by_lineno(str(path))
            others = (
                line for line in lines if line not in missing and mine.isdisjoint(by_line.get(line, []))
            )
            shares.append(Share(name, len(lines), tuple(sorted((*missing, *others)))))
    return int(status), shares


def roots() -> list[str]:
    """The folders of the three packages."""
    return [str(folder) for folder in mirror.SOURCES.values()]


def ranges(lines: tuple[int, ...]) -> str:
    """Line numbers in short: ``3-5, 9``."""
    found: list[list[int]] = []
    for line in lines:
        if found and line - found[-1][1] == 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def main(wanted: str) -> int:
    """Print the table; pytest's exit status."""
    os.environ["COVERAGE_CORE"] = "ctrace"  # the only one that knows contexts
    own = mirror.unit_tests()
    tests = own.get(wanted, []) if wanted else [mirror.UNIT]
    if not tests:
        sys.exit(f"no unit tests of {wanted}; a name is a file's, as in leases/table")
    status, shares = measure([str(test) for test in tests])
    shown = sorted((share for share in shares if wanted in ("", share.name)), key=lambda share: share.percent)
    for share in shown:
        print(f"{share.percent:5.0f} %  {share.lines:4}  {share.name:32} {ranges(share.missing)}".rstrip())
    lines, missing = sum(share.lines for share in shown), sum(len(share.missing) for share in shown)
    print(f"{100 * (1 - missing / lines):5.1f} %  {lines:4}  of {len(shown)} files by their own unit tests")
    return status


if __name__ == "__main__":
    raise SystemExit(main("".join(sys.argv[1:])))
