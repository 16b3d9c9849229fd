"""``make bench NAME='[NAME ...] [--quick] [--docs FOLDER]'``: measures ours beside Debian's knockd 0.8.

Without a name everything runs and, unless quick, the page and the plots in docs/ are written. With names
and ``--docs`` those parts of the page are written anew.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    fleet,
    fleet_simulation,
    flood,
    footprint,
    idle,
    keyed,
    latency,
    leases,
    packets,
    prefilter,
    report,
    review,
    rotation,
    scans,
    signed,
    signed_packets,
)
from tests.bench.figures import Outcome, Say
from tests.bench.plot import svg
from tests.support.daemons.daemon import ROOT
from tests.support.lab import enter
from tests.support.lab.packages import PATH

BENCHMARKS: dict[str, Callable[[bool, Say], Outcome]] = {
    "idle": idle.run,
    "footprint": footprint.run,
    "latency": latency.run,
    "leases": leases.run,
    "fleet": fleet.run,
    "fleet-simulation": fleet_simulation.run,
    "prefilter": prefilter.run,
    "review": review.run,
    "rotation": rotation.run,
    "packets": packets.run,
    "signed-packets": signed_packets.run,
    "flood": flood.run,
    "scans": scans.run,
    "keyed": keyed.run,
    "signed": signed.run,
}
"""In the order they run: the quiet ones first."""


def main(argv: list[str]) -> int:
    """Runs what is asked for. Returns 1 when a benchmark could not be run (never for a poor figure)."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a rough look, in about three minutes")
    parser.add_argument(
        "--docs", type=Path, help="write page and plots into this folder (default: docs, when all of it runs)"
    )
    arguments = parser.parse_args(argv)
    names = arguments.names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"expected one of {', '.join(BENCHMARKS)}, got {', '.join(sorted(unknown))}")
    docs = arguments.docs
    if docs is None and not arguments.names and not arguments.quick:
        docs = ROOT / "docs"
    load, outcomes, failed = os.getloadavg()[0], [], []
    for name in names:
        outcome = _run(name, arguments.quick)
        if outcome is None:
            failed.append(name)
        else:
            outcomes.append(outcome)
            print(f"\n{report.lines(outcome)}", flush=True)
    if docs is not None and not failed:
        _write(docs, outcomes, load)
    print(f"could not run: {', '.join(failed)}" if failed else "done")
    return 1 if failed else 0


def _run(name: str, quick: bool) -> Outcome | None:
    """One benchmark, its progress on the terminal; None when it could not be run."""
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"[{name}, {time.monotonic() - begun:.0f} s] {what}", flush=True)

    try:
        return BENCHMARKS[name](quick, say)
    except Exception:  # noqa: BLE001 - the others are worth running all the same
        traceback.print_exc()
        return None
    finally:
        gc.collect()


def _write(docs: Path, outcomes: list[Outcome], load: float) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    points = [point for outcome in outcomes for point in outcome.points]
    if points:
        (docs / report.PLOT).write_text(svg(points))
    for outcome in outcomes:
        if outcome.picture is not None:
            (docs / outcome.picture.name).write_text(outcome.picture.svg)
    page = docs / "benchmarks.md"
    if page.exists() and len(outcomes) < len(BENCHMARKS):
        page.write_text(report.replace_sections(page.read_text(), outcomes, load))
    else:
        page.write_text(report.page(outcomes, load, bool(points)))
    print(f"written: {page}")


def _end(_number: int, _frame: object) -> None:
    """TERM ends it like Ctrl-C, through every clean-up."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    os.environ["PATH"] = PATH
    if not enter.may_build():
        enter.run([sys.executable, "-m", "tests.bench", *sys.argv[1:]])
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(sys.argv[1:]))
