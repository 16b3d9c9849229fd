"""How much memory and disk a daemon takes, and how soon it listens."""

from __future__ import annotations

import compileall
import importlib.metadata
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.kernel import distinct_pages
from tests.bench.stage import Stage, doors, stage
from tests.bench.subject import Subject, Who
from tests.support.daemon import ROOT
from tests.support.lab import execute

SOURCES = ("knockd", "bpf/knockd_bpf", "conf/knockd_conf")
SLIM = ("pcapy-ng", "impacket", "structlog", "six")
"""What `pip install --no-deps` has to bring along (README)."""

STARTS = 10
HOW = (
    "PSS is the sum over the daemon's processes (smaps_rollup), one second after its start; pages that"
    " other programs use too (the C library; here also this benchmark's own Python) count in part. Counted"
    " once: all pages that are mapped by the daemon, whoever else uses them. Start-up: from exec to the"
    " line `starting up` in the log, median of {starts}. On disk: the files of the packages that it needs,"
    " compiled, without Python itself (0.8: its Debian package without libpcap)."
)


def memory(who: Who, on: Stage, folder: Path) -> tuple[float, float]:
    """PSS of all processes of one daemon, and all its pages counted once, in MB."""
    with Subject(who, on.server, doors("/bin/true"), folder) as subject:
        time.sleep(1)
        return subject.usage().pss / 1024, distinct_pages(subject.pids()) * 4 / 1024


def start_up(who: Who, on: Stage, folder: Path) -> float:
    """Milliseconds until one daemon listens."""
    begun = time.monotonic()
    with Subject(who, on.server, doors("/bin/true"), folder):
        return (time.monotonic() - begun) * 1000


def slim_install() -> float:
    """Megabytes of files of a slim install: ours, compiled, and the packages it names."""
    total = 0
    for name in SLIM:
        for file in importlib.metadata.files(name) or ():
            path = Path(str(file.locate()))
            if path.is_file() and "bin" not in path.parts[-2:-1]:
                total += path.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            copy = Path(folder, Path(source).name)
            shutil.copytree(ROOT / source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(folder, quiet=1)
        total += sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return total / 1e6


def peer_install() -> float:
    """Megabytes of files of Debian's package."""
    paths = map(Path, execute("dpkg", "-L", "knockd").splitlines())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def run(quick: bool, say: Say) -> Outcome:
    """Both daemons in turn."""
    starts = 3 if quick else STARTS
    took: dict[Who, list[float]] = {who: [] for who in Who}
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name, stage() as on:
        folder = Path(name)
        say("memory")
        (our_pss, our_pages), (peer_pss, peer_pages) = (memory(who, on, folder) for who in Who)
        say("start-up")
        for number in range(starts):
            for who in Who:
                took[who].append(start_up(who, on, folder / str(number)))
    ours, peer = (median(took[who]) for who in Who)
    figures = (
        at_most("PSS of all processes", "MB", our_pss, 26, peer_pss),
        Figure("pages of all processes, counted once", "MB", our_pages, peer_pages),
        at_most("start until it listens", "ms", ours, 400, peer),
        Figure("on disk", "MB", slim_install(), peer_install()),
    )
    return Outcome("Footprint", HOW.format(starts=starts), figures)
