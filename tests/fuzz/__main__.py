"""Attacks targets one after the other: ``python -m tests.fuzz [--seconds N] [--executions N] [NAME ...]``.

``--keep`` afterwards takes the new inputs that reach more code into the corpus, the smallest that do.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "build" / "fuzz"
TARGETS = tuple(sorted(path.stem for path in (HERE / "targets").glob("[a-z]*.py")))

MEMORY = 1_024
"""MiB after which libFuzzer calls it a find, as it does an input that takes LONGEST seconds."""

LONGEST = 20


@dataclass(frozen=True)
class Outcome:
    """How an attack went; ``found`` is what the target raised, and ``kept`` the file with the input."""

    executions: int
    seconds: int
    found: str = ""
    kept: str = ""


def inputs(name: str) -> list[Path]:
    """The corpus of a target and what was found with it."""
    return sorted(path for kind in ("corpus", "regressions") for path in (HERE / kind / name).glob("*"))


def attack(name: str, seconds: int, executions: int = -1, work: Path = WORK) -> Outcome:
    """Attacks a target for so many seconds or executions (-1: no limit), from its corpus on."""
    work = work / name
    work.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-runs={executions}"]
    output = _libfuzzer(name, work, limits, [work, HERE / "corpus" / name, HERE / "regressions" / name])
    done = re.search(r"^Done (\d+) runs in (\d+) second", output, re.MULTILINE)
    if done is not None:
        return Outcome(int(done[1]), int(done[2]))
    kept = re.search(r"Test unit written to (\S+)", output)
    return Outcome(0, 0, output[-4_000:], kept[1] if kept else "")


def keep(name: str) -> None:
    """Merges what was found new into the corpus of a target."""
    merged = WORK / f"{name}.merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    corpus = HERE / "corpus" / name
    _libfuzzer(name, WORK / name, ["-merge=1"], [merged, corpus, WORK / name])
    known = {path.read_bytes() for path in inputs(name)}
    for path in sorted(merged.iterdir()):
        if path.read_bytes() not in known:
            shutil.copy(path, corpus / path.name[:12])


def _libfuzzer(name: str, work: Path, options: list[str], folders: list[Path]) -> str:
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    command = [sys.executable, "-m", "tests.fuzz.attack", name, *options]
    command += [f"-timeout={LONGEST}", f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={work}/../{name}-"]
    command += [f"-dict={dictionary}"] if dictionary.exists() else []
    command += [str(folder) for folder in folders if folder.exists()]
    path = os.pathsep.join(one for one in sys.path if one)
    done = subprocess.run(
        command,
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.stdout + done.stderr


def main() -> int:
    """Exit status 1 when something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--executions", type=int, default=-1, help="at most (default: no limit)")
    parser.add_argument("--keep", action="store_true", help="take what reached more code into the corpus")
    given = parser.parse_args()
    if unknown := set(given.names) - set(TARGETS):
        parser.error(f"expected a target of {', '.join(TARGETS)}, got {', '.join(sorted(unknown))}")
    status = 0
    for name in given.names or TARGETS:
        outcome = attack(name, given.seconds, given.executions)
        if outcome.found:
            status = 1
            print(f"{name}: broken\n{outcome.found}")
            print(f"once it is mended: mv {outcome.kept} {HERE / 'regressions' / name}/what-it-was")
        else:
            print(
                f"{name}: {outcome.executions:,} executions in {outcome.seconds} s, nothing found", flush=True
            )
            if given.keep:
                keep(name)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
