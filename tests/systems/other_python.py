"""Runs the tests with another Python, and says what it skipped and why.

It is a plugin of pytest there: fewer examples a property, and a skip for what the system cannot do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import settings

from tests.systems.cpython import SERIES, Target

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, IMPOSSIBLE, LACKING = "TESTS_EXAMPLES", "TESTS_IMPOSSIBLE", "TESTS_LACKING"
"""Variables for the plugin: the most examples of a property; why to skip a test, by a part of its id; why a
package is not there, by its name. The last two are JSON."""

_SETTINGS = "_hypothesis_internal_use_settings"


def parse_tests(description: str | None) -> Sequence[str]:
    """The tests that the command line names; none: all."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("tests", nargs="*", metavar="TEST", help="tests/unit/knocks, or any other")
    tests: list[str] = parser.parse_args().tests
    return tests


def install_packages(target: Target, tags: Sequence[str], names: Sequence[str]) -> None:
    """Gives packages of the index to a Python: of each the newest release with a wheel for a platform's tag.

    The tag ``any`` is of wheels of Python alone. No tags: wheels for this machine. Raises CalledProcessError.
    """
    done, wanted = target.root / f"installed-{'-'.join(tags) or 'here'}", "\n".join(names)
    if done.exists() and done.read_text() == wanted:
        return
    chosen = [word for tag in tags for word in ("--platform", tag)]
    if tags:
        chosen += ("--python-version", f"{sys.version_info.major}.{sys.version_info.minor}")
        chosen += ("--implementation", *(("py", "--abi", "none") if "any" in tags else ("cp",)))
    pip = (sys.executable, "-m", "pip", "install", "-qq", "--upgrade", "--no-deps", "--only-binary=:all:")
    site = target.root / "lib" / SERIES / "site-packages"
    subprocess.run((*pip, *chosen, "--target", site, *names), check=True)
    done.write_text(wanted)


def run_parts(
    target: Target,
    parts: Sequence[Sequence[str]],
    *,
    examples: int,
    impossible: Mapping[str, str],
    lacking: Mapping[str, str],
) -> int:
    """Runs each part of the tests, and prints how many there were, and how long it took; 0: all passed."""
    failed = 0
    for number, part in enumerate(parts):
        print(f"tests of {' '.join(part)}:", flush=True)
        began = time.monotonic()
        failed |= run_tests(
            ("nice", target.python),
            part,
            report=target.folder / f"report-{number}.xml",
            examples=examples,
            impossible=impossible,
            lacking=lacking,
        )
        print(f"  {(time.monotonic() - began) / 60:.0f} minutes", flush=True)
    return failed


def run_tests(
    command: Sequence[str | Path],
    tests: Sequence[str],
    *,
    report: Path,
    examples: int | None = None,
    impossible: Mapping[str, str] | None = None,
    lacking: Mapping[str, str] | None = None,
) -> int:
    """Runs tests with the Python of ``command``, and prints how many there were; pytest's exit status."""
    path = os.pathsep.join(str(part) for part in (ROOT, ROOT / "bpf", ROOT / "conf"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL_ENV")},
        "PYTHONPATH": path,
        EXAMPLES: str(examples or ""),
        IMPOSSIBLE: json.dumps(dict(impossible or {})),
        LACKING: json.dumps(dict(lacking or {})),
    }
    options = ("-q", "-n", "2", "-p", "no:cacheprovider", "-p", __name__, f"--junitxml={report}")
    ran = subprocess.run((*command, "-m", "pytest", *options, *tests), cwd=ROOT, env=environment, check=False)
    print(sum_up(report.read_text()))
    return ran.returncode


def sum_up(report: str) -> str:
    """How many tests passed, failed and were skipped, and why, of a report as JUnit has it."""
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    skipped = Counter(one.get("message", "") for case in cases for one in case.iter("skipped"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    passed = len(cases) - len(failed) - sum(skipped.values())
    lines = [f"{passed} passed, {len(failed)} failed, {sum(skipped.values())} skipped"]
    lines += [
        f"  failed: {case.get('classname')}::{case.get('name')}: {_find_reason(case)}" for case in failed
    ]
    return "\n".join(lines + [f"  {count} skipped: {reason}" for reason, count in sorted(skipped.items())])


def _find_reason(case: ElementTree.Element) -> str:
    """The first line of why a test failed."""
    found = next(one for one in case if one.tag in {"failure", "error"})
    return found.get("message", "").partition("\n")[0]


class Absent(pytest.Item):
    """Stands for the tests of a file that cannot be imported."""

    reason = ""

    def runtest(self) -> None:
        """Says why."""
        pytest.skip(self.reason)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skips a file that imports a package that is not there."""
    report = yield
    for name, reason in json.loads(os.environ.get(LACKING, "{}")).items():
        signs = (f"No module named '{name}", f"import of {name} halted")  # not there, or not to be had
        if report.failed and any(sign in str(report.longrepr) for sign in signs):
            absent: Absent = Absent.from_parent(collector, name="import")
            absent.reason = reason
            report.outcome, report.longrepr, report.result = "passed", None, [absent]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bounds the examples of each property, and marks what this system cannot do."""
    most, impossible = os.environ.get(EXAMPLES), json.loads(os.environ.get(IMPOSSIBLE, "{}"))
    for item in items:
        for part, reason in impossible.items():
            if part in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
        chosen = getattr(getattr(item, "function", None), _SETTINGS, None)
        if most and chosen is not None:
            fewer = settings(chosen, max_examples=min(chosen.max_examples, int(most)))
            setattr(item.function, _SETTINGS, fewer)  # type: ignore[attr-defined]
