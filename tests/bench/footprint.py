"""How much memory and disk a daemon takes, and how soon it listens."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure, Outcome, Say, at_most
from tests.bench.installed import Installed
from tests.bench.kernel import distinct_pages
from tests.bench.stage import Stage, doors, stage
from tests.bench.subject import PROGRAMS, Subject, Who
from tests.support.lab.hosts import execute

STARTS = 10
HOW = (
    "Ours is the wheel in a virtual environment of its own, as the README installs it."
    " PSS is the sum over the daemon's processes (smaps_rollup), one second after its start; pages that"
    " other programs use too (the C library; here also this benchmark's own Python) count in part. Counted"
    " once: all pages that are mapped by the daemon, whoever else uses them. Start-up: from exec to the"
    " line `starting up` in the log, median of {starts}. On disk: the files of the packages that it needs,"
    " compiled, without Python itself (0.8: its Debian package without libpcap)."
)


class _Daemon:
    """One of the daemons, started again and again."""

    def __init__(self, who: Who, program: tuple[str, ...], on: Stage, folder: Path) -> None:
        self._who, self._program, self._on, self._folder = who, program, on, folder
        self._starts = 0
        self.took: list[float] = []

    def memory(self) -> tuple[float, float]:
        """PSS of all processes, and all pages counted once, in MB."""
        with self._start() as subject:
            time.sleep(1)
            return subject.usage().pss / 1024, distinct_pages(subject.pids()) * 4 / 1024

    def start_up(self) -> None:
        """Adds the milliseconds until it listened once more."""
        begun = time.monotonic()
        with self._start():
            self.took.append((time.monotonic() - begun) * 1000)

    def _start(self) -> Subject:
        self._starts += 1
        folder = self._folder / str(self._starts)
        return Subject(self._who, self._on.server, doors("/bin/true"), folder, program=self._program)


def peer_install() -> float:
    """Megabytes of files of Debian's package."""
    paths = map(Path, execute("dpkg", "-L", "knockd").splitlines())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def run(quick: bool, say: Say) -> Outcome:
    """Both daemons in turn."""
    starts = 3 if quick else STARTS
    with tempfile.TemporaryDirectory(prefix="knockd-bench-") as name, stage() as on:
        folder = Path(name)
        say("installing")
        installed = Installed(folder)
        ours = _Daemon(Who.OURS, installed.program, on, folder / "ours")
        peer = _Daemon(Who.PEER, PROGRAMS[Who.PEER], on, folder / "peer")
        say("memory")
        (our_pss, our_pages), (peer_pss, peer_pages) = (daemon.memory() for daemon in (ours, peer))
        say("start-up")
        for _ in range(starts):
            for daemon in (ours, peer):
                daemon.start_up()
        disk = installed.megabytes()
    figures = (
        at_most("PSS of all processes", "MB", our_pss, 20, peer_pss),
        Figure("pages of all processes, counted once", "MB", our_pages, peer_pages),
        at_most("start until it listens", "ms", median(ours.took), 220, median(peer.took)),
        Figure("on disk", "MB", disk, peer_install()),
    )
    return Outcome("Footprint", HOW.format(starts=starts), figures)
