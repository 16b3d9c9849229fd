"""What the daemon takes of memory, and how soon it listens, with another Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.bench.stage import doors, stage
from tests.bench.subject import Subject, Who
from tests.support.lab.wheel import unpack_wheel

STARTS = 5


def install_knockd(python: Path, folder: Path, packages: Sequence[str]) -> tuple[str, ...]:
    """The command of a knockd in a virtual environment: the wheel, with packages that the Python has."""
    subprocess.run((python, "-m", "venv", "--without-pip", folder / "venv"), check=True)
    [site] = folder.glob("venv/lib/python*/site-packages")
    unpack_wheel(folder / "wheel")
    shutil.copytree(folder / "wheel", site, dirs_exist_ok=True)
    [theirs] = python.parent.parent.glob("lib/python*/site-packages")
    for package in packages:
        for path in theirs.glob(f"{package}*"):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, site / path.name)
    own = folder / "venv" / "bin" / python.name
    subprocess.run((own, "-m", "compileall", "-q", site), check=True)
    return (str(own), "-I", "-m", "knockd")


def measure(python: Path, packages: Sequence[str]) -> str:
    """PSS in MB, ms until it listens, and seconds of processor, of both processes, in a sentence."""
    took, pss, cpu = [], [], []
    with tempfile.TemporaryDirectory(prefix="knockd-footprint-") as name, stage() as on:
        program = install_knockd(python, Path(name), packages)
        for number in range(STARTS):
            begun = time.monotonic()
            folder = Path(name, str(number))
            with Subject(Who.OURS, on.server, doors("/bin/true"), folder, program=program) as subject:
                took.append((time.monotonic() - begun) * 1000)
                time.sleep(1)
                usage = subject.usage()
                pss.append(usage.pss / 1024)
                cpu.append(usage.cpu)
    return (
        f"PSS {median(pss):.1f} MB, listens after {median(took):.0f} ms, "
        f"{median(cpu):.2f} s of processor (medians of {STARTS} starts)"
    )


def processor_seconds(pids: Iterable[int]) -> float:
    """Processor time of processes, and of those that they have started and collected."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in pids)
    return sum(int(ticks) for one in fields for ticks in one[11:15]) / os.sysconf("SC_CLK_TCK")


def count_megabytes(folder: Path) -> float:
    """What the files of a folder take, in 10^6 bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6
