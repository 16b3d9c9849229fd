"""Plants faults in product files, one at a time, and looks whether the file's own tests see them.

``python -m tests.support.measures.mutants [--seconds N] [--seed N] [NAME ...]`` takes a sample of the faults
of all files, or of those named as ``leases/table``, until the time is up. The file's unit tests are run, and
when they see nothing the property tests of its name. A fault survives when none of them fails; each survivor
is printed as a difference. A fault that hangs the tests is seen. Faults are planted in copies of this tree.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.support.measures import mirror
from tests.support.measures.faults_in_source import Fault, find_faults

PATIENCE = 5.0
"""How much longer than without a fault tests may take, as a factor (and at least as many seconds)."""

COPIED = (
    "knockd",
    "bpf",
    "conf",
    "tests",
    "docs",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)


class Mutant(NamedTuple):
    """A fault in a module."""

    name: str
    path: Path
    fault: Fault


class Tree:
    """A copy of this tree in which faults are planted."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        for name in COPIED:
            source = mirror.ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
                )
            else:
                shutil.copy(source, folder / name)

    def judge(self, mutant: Mutant, own: list[Path], more: list[Path], patience: dict[str, float]) -> str:
        """``seen``, ``survived``, or ``not judged`` because its tests fail without the fault too."""
        if mutant.name not in patience:
            began = time.monotonic()
            good = self._pass(own, 600.0)
            patience[mutant.name] = (1 + time.monotonic() - began) * PATIENCE if good else 0.0
        if not patience[mutant.name]:
            return "not judged"
        target = self._root / mutant.path.relative_to(mirror.ROOT)
        source = mutant.path.read_text()
        target.write_text(mutant.fault.planted(source))
        try:
            if not self._pass(own, patience[mutant.name]) or (more and not self._pass(more, 600.0)):
                return "seen"
            return "survived"
        finally:
            target.write_text(source)

    def _pass(self, tests: list[Path], timeout: float) -> bool:
        names = [str(path.relative_to(mirror.ROOT)) for path in tests]
        command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist", *names]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self._root)}
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ) as tests_run:
            try:
                return tests_run.wait(timeout) == 0
            except subprocess.TimeoutExpired:
                return False
            finally:
                _end_group(tests_run.pid)


def _end_group(pid: int) -> None:
    """What the tests of a fault have left running goes with them."""
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        return


def sample(names: list[str], seed: int) -> list[Mutant]:
    """The faults of modules with unit tests, in random order."""
    modules, own = mirror.modules(), mirror.unit_tests()
    unknown = [name for name in names if name not in own]
    if unknown:
        sys.exit(f"no unit tests of {', '.join(unknown)}; a name is a file's, as in leases/table")
    chosen = names or sorted(own)
    found = [
        Mutant(name, modules[name], one) for name in chosen for one in find_faults(modules[name].read_text())
    ]
    random.Random(seed).shuffle(found)
    return found


def difference(mutant: Mutant) -> str:
    """The fault as a unified difference."""
    source = mutant.path.read_text()
    name = str(mutant.path.relative_to(mirror.ROOT))
    lines = (source.splitlines(keepends=True), mutant.fault.planted(source).splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, name, name, n=2))


def judge_all(mutants: list[Mutant], seconds: float, workers: int) -> Iterator[tuple[Mutant, str]]:
    """Mutants and what became of them, until the time is up."""
    own, deadline, left, lock = (
        mirror.unit_tests(),
        time.monotonic() + seconds,
        iter(mutants),
        threading.Lock(),
    )
    results: list[tuple[Mutant, str]] = []
    patience: dict[str, float] = {}

    def work(folder: Path) -> None:
        tree = Tree(folder)
        while time.monotonic() < deadline:
            with lock:
                mutant = next(left, None)
            if mutant is None:
                return
            outcome = tree.judge(mutant, own[mutant.name], mirror.property_tests(mutant.name), patience)
            results.append((mutant, outcome))

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        folders = [Path(folder) / str(number) for number in range(workers)]
        for one in folders:
            one.mkdir()
        list(pool.map(work, folders))
    yield from results


def main() -> int:
    """Print survivors and counts; status 0 whatever survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    mutants = sample(given.names, given.seed)
    print(
        f"{len(mutants)} faults in {len({one.name for one in mutants})} files, seed {given.seed}", flush=True
    )
    outcomes: Counter[str] = Counter()
    for mutant, outcome in judge_all(mutants, given.seconds, os.cpu_count() or 1):
        outcomes[outcome] += 1
        if outcome != "seen":
            print(f"\n{outcome}: {mutant.name}\n{difference(mutant)}")
    said = ", ".join(f"{outcomes[one]} {one}" for one in ("seen", "survived", "not judged") if outcomes[one])
    print(f"\n{sum(outcomes.values())} planted: {said or 'none'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
