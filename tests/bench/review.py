"""How long `knockctl log` takes over a log of a month, and `knockd --replay` over a capture."""

from __future__ import annotations

import array
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.installed import Installed
from tests.bench.stage import doors
from tests.bench.traffic import Kind, Sources, write_pcap
from tests.support.daemons.doors import SERVER
from tests.support.samples.log_maker import START, Form, make_log

MILLION = 1_000_000
ROUNDS, STARTS = 3, 15
LIMITS = {1: 5, 10: 60}
"""Seconds that so many million lines may take."""

MEGABYTES = 100
A_SECOND = 1_000
"""Packets in a second of the capture's clock."""

HOW = (
    "Ours is the wheel in a virtual environment of its own. Logs of four weeks are made from a seed: owners"
    " who open doors by day, scanners (160,000 addresses in a million lines, a quarter of them in 64"
    " networks), restarts, reloads, held-back lines. `knockctl log FILE` prints its report to /dev/null;"
    " from exec to exit, median of {rounds}. Memory: the most that was resident (VmHWM), in 10^6 bytes. The"
    " yardstick is a loop of Python that splits each classic line at its first `: ` and counts what is in"
    " front of it, in the same turns. Start-up: median of {starts}. The capture has SYNs of a million"
    " sources, a thousand in a second of its clock: each begins an attempt at the shipped door that expires."
)

WITH_MEMORY = """
import sys
from {module} import main
try:
    status = main()
finally:
    with open("/proc/self/status") as lines:
        print([line.split()[1] for line in lines if line.startswith("VmHWM:")][0], file=sys.stderr)
sys.exit(status)
"""
"""Runs a command of ours; its last line on standard error is the most memory that it had, in KiB."""

YARDSTICK = """
import sys
counts = {}
with open(sys.argv[1], "rb") as log:
    for line in log:
        front = line.partition(b": ")[0]
        counts[front] = counts.get(front, 0) + 1
print(0, file=sys.stderr)
"""


@dataclass(frozen=True)
class Run:
    """Seconds from exec to exit, processor seconds, and megabytes at most."""

    seconds: float
    processor: float
    memory: float


def measure(*command: str) -> Run:
    """Runs a program that says its memory last. Raises RuntimeError when it fails."""
    before, begun = _children(), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stderr}")
    return Run(seconds, _children() - before, int(done.stderr.splitlines()[-1]) * 1024 / 1e6)


def _children() -> float:
    """Processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_logs(millions: int, python: str, folder: Path, say: Say) -> list[Figure]:
    """Classic and JSON of the same events, and the yardstick, in turn."""
    runs: dict[str, list[Run]] = {"classic": [], "JSON": [], "yardstick": []}
    review = (python, "-I", "-c", WITH_MEMORY.format(module="knockd.ctl.cli"), "log")
    logs = {}
    for name, form in (("classic", Form.CLASSIC), ("JSON", Form.JSON)):
        say(f"{millions} million lines, {name}")
        logs[name] = folder / f"{name}.log"
        with logs[name].open("wb") as out:
            make_log(out, millions * MILLION, form)
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}")
        for name, log in logs.items():
            runs[name].append(measure(*review, str(log)))
        runs["yardstick"].append(measure(python, "-I", "-c", YARDSTICK, str(logs["classic"])))
    figures = []
    least = _median(runs["yardstick"]).processor
    for name in logs:
        run, what = _median(runs[name]), f"{millions} million lines, {name}"
        figures += [
            at_most(what, "s", run.seconds, LIMITS[millions]),
            Figure(f"{what}: processor time, as a multiple of the yardstick's", "", run.processor / least),
            at_most(f"{what}: memory", "MB", run.memory, MEGABYTES),
        ]
    return figures


def _median(runs: list[Run]) -> Run:
    """The medians of what several runs took."""
    return Run(
        median(run.seconds for run in runs),
        median(run.processor for run in runs),
        max(run.memory for run in runs),
    )


def write_capture(path: Path, packets: int) -> Path:
    """A capture of SYNs to the first port of the shipped door, each of a source of its own."""
    template = Kind("first port", 7000).template()
    write_pcap(path, template, Sources().take(packets))
    made, size = bytearray(path.read_bytes()), 16 + len(template)
    for at, values in (
        (24, (START + number // A_SECOND for number in range(packets))),
        (28, (number % A_SECOND * 1_000 for number in range(packets))),
    ):
        column = array.array("I", values).tobytes()
        for byte in range(4):
            made[at + byte :: size] = column[byte::4]
    path.write_bytes(made)
    return path


def measure_replay(count: int, python: str, folder: Path, say: Say) -> list[Figure]:
    """Packets a second that `knockd --replay` judges."""
    say("replay")
    config = folder / "knockd.conf"
    config.write_text(doors("/bin/true"))
    config.chmod(0o600)
    capture = write_capture(folder / "capture.pcap", count)
    arguments = ("-c", str(config), "--replay", str(capture), "--local", SERVER[4])
    replay = (python, "-I", "-c", WITH_MEMORY.format(module="knockd.cli"), *arguments)
    run = _median([measure(*replay) for _ in range(ROUNDS)])
    what = f"replay of {count:,} packets"
    return [
        Figure(what, "s", run.seconds),
        Figure(f"{what}: a second", "packets", count / run.seconds),
    ]


def run(quick: bool, say: Say) -> Outcome:
    """Start-up, logs, a capture."""
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name:
        folder = Path(name)
        say("installing")
        python = Installed(folder).python
        start = (python, "-I", "-c", WITH_MEMORY.format(module="knockd.ctl.cli"), "--version")
        started = _median([measure(*start) for _ in range(STARTS)])
        figures = [at_most("knockctl --version", "ms", started.seconds * 1000, 150)]
        for millions in (1,) if quick else tuple(LIMITS):
            figures += measure_logs(millions, python, folder, say)
        figures += measure_replay(MILLION // (10 if quick else 1), python, folder, say)
    return Outcome("Logs and captures", HOW.format(rounds=ROUNDS, starts=STARTS), tuple(figures))
