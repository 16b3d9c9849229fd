"""What is tried on a Debian of another processor: the package as its users use it, then the project's tests.

Prints a line a figure and a line a group of tests; the console, the logs and the shared folder stay in
``/var/tmp/knockd-systems/NAME/run`` until the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.lab import packages
from tests.systems import other_python
from tests.systems.debian_builder import make_later
from tests.systems.debian_image import CACHE, Debian, find_image
from tests.systems.other_python import EXAMPLES, LACKING
from tests.systems.virtual_machine import TAIL, Emulator, VirtualMachine

ROOT = Path(__file__).resolve().parents[2]
MOST_EXAMPLES = 10
"""Of a property."""

PATIENCE = float(os.environ.get("TESTS_PATIENCE", "10"))
"""Times as long as elsewhere a test waits for something: see tests/support/lab/waiting.py."""

LONG = 3_600
"""Seconds for what takes minutes at most on a quiet host: beside much other work it may take an hour."""

TIME_OVER = 124
"""The status of timeout(1)."""

TREES = "/srv"
"""Where sources and libraries are unpacked in the machine."""

TOOLS = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet"),
    *("hypothesis", "sortedcontainers", "attrs", "varlink"),
)
"""What Debian has too old or not at all: wheels of Python alone, which run everywhere."""


NETWORK = (
    "tests/faults/test_privileges.py",
    "tests/e2e/test_doors.py tests/e2e/test_knockers.py tests/e2e/test_signals.py",
    "tests/e2e/test_signed.py tests/e2e/test_keyed.py tests/e2e/test_control.py",
)
"""Doors by IPv4 and IPv6, nftables and iptables, reload, keys, signed knocks, control, seccomp."""

GROUPS = (
    *NETWORK,
    "tests/unit/process tests/unit/worker tests/unit/bpf",
    "tests/unit/signed tests/unit/sequences tests/unit/knocks tests/unit/net",
    "tests/unit/leases tests/unit/files",
    "tests/property",
)
"""Tests that run together: paths and options of pytest."""

SECONDS = int(os.environ.get("TESTS_GROUP_SECONDS", "1800"))
"""For a group; then it is interrupted, and what has run counts."""


def try_processor(debian: Debian, emulator: Emulator, *, megabytes: int, tags: Sequence[str] = ()) -> int:
    """Boots and tries everything, or only what the command line asks for by a word.

    Where PyPI has pcapy-ng for platforms with these ``tags``, what uses a network is tried with it too.
    Returns 0 when all passed. Needs root.
    """
    arguments = parse_words(debian)
    if packages.main("processors"):
        return 1
    folder = CACHE / debian.name / "run"
    image = find_image(debian)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    chosen = [one for one in GROUPS if not arguments or any(a in one for a in arguments)]
    failed = 0
    with VirtualMachine(emulator, image, folder, processors=2, megabytes=megabytes) as machine:
        print(f"{debian.name}: booted in {machine.boot_seconds:.0f} s", flush=True)
        if not arguments or "package" in arguments:
            use_package(machine)
            # The packet process is that user where it is there, as Debian leaves it.
            machine.run("userdel knockd", LONG)
        for name, packed in (
            ("tools", pack_libraries(folder, "tools", ("any",), TOOLS)),
            ("source", pack_source(folder)),
        ):
            machine.run(f"mkdir {TREES}/{name} && tar -C {TREES}/{name} -xf {machine.bring(packed)}", LONG)
        # Now, not by a test: warnings are errors there.
        machine.run(f"python3 -W ignore -m compileall -q -j 2 {TREES}/tools", LONG)
        for group in chosen:
            failed += not run_group(machine, group)
        again = [one for one in chosen if one in NETWORK]
        if tags and again:
            packed = pack_libraries(folder, "pcapy", tags, ("pcapy-ng",))
            machine.run(f"mkdir {TREES}/pcapy && tar -C {TREES}/pcapy -xf {machine.bring(packed)}", LONG)
            print("with pcapy-ng:", flush=True)
            for group in again:
                failed += not run_group(machine, group, "pcapy")
    return 1 if failed else 0


def parse_words(debian: Debian) -> Sequence[str]:
    """The words of the command line: ``package``, or a part of a group's name; all when there is none."""
    parser = argparse.ArgumentParser(description=f"Tries {debian.name} under QEMU.")
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help=f"package, or a part of: {', '.join(GROUPS)}"
    )
    words: list[str] = parser.parse_args().words
    for word in words:
        if word != "package" and not any(word in group for group in GROUPS):
            parser.error(f"{word}: expected package, or a part of the name of a group of tests")
    return words


def use_package(machine: VirtualMachine) -> None:
    """Installs, uses, upgrades and removes this checkout's Debian package. Raises MachineError."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "conf")}
    build = (sys.executable, "-m", "knockd_packages.deb", "--without-pcapy")
    subprocess.run(build, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    (package,) = (ROOT / "build/deb").glob("knockd_*_all.deb")
    packages = f"{machine.bring(package)} {machine.bring(make_later(package.parent))}"
    trial = machine.bring(Path(__file__).with_name("guest_trial.py"))
    done = machine.run(f"python3 {trial} {packages}", LONG)
    for line in done.output.splitlines():
        if line.startswith("FIGURE "):
            print(line.removeprefix("FIGURE "), flush=True)


def pack_libraries(folder: Path, name: str, tags: Sequence[str], packages: Sequence[str]) -> Path:
    """A tar file of packages of the index, for a folder on Python's path: wheels with one of the tags."""
    chosen = [word for tag in tags for word in ("--platform", tag)]
    pip = (sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--only-binary=:all:")
    target = folder / name
    subprocess.run((*pip, *chosen, "--python-version=3.11", "--target", str(target), *packages), check=True)
    packed = folder / f"{name}.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(target, ".")
    return packed


def pack_source(folder: Path) -> Path:
    """A tar file of this checkout, without what git does not know."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    packed = folder / "source.tar"
    with tarfile.open(packed, "w") as tar:
        for name in listed.stdout.decode().splitlines():
            if (ROOT / name).exists():
                tar.add(ROOT / name, name)
    return packed


def run_group(machine: VirtualMachine, group: str, *libraries: str) -> bool:
    """Runs tests and prints how many there were; whether all passed within SECONDS."""
    folders = ("source", "source/bpf", "source/conf", "tools", *libraries)
    path = ":".join(f"{TREES}/{folder}" for folder in folders)
    lacking = json.dumps({} if "pcapy" in libraries else {"pcapy": "pcapy-ng is not there"})
    environment = (
        f"PYTHONPATH={path} {EXAMPLES}={MOST_EXAMPLES} TESTS_PATIENCE={PATIENCE:g} {LACKING}='{lacking}'"
    )
    bound = f"timeout --foreground --signal=INT --kill-after=60 {SECONDS}"
    pytest = f"{bound} python3 -m pytest -q -n 2 -p no:cacheprovider -p {other_python.__name__}"
    report = machine.shared / "report.xml"
    report.unlink(missing_ok=True)
    done = machine.attempt(
        f"cd {TREES}/source && {environment} {pytest} --junitxml=/run/host/{report.name} {group}",
        SECONDS + 120,
    )
    counts = other_python.sum_up(report.read_text()) if report.exists() else done.output[-TAIL:]
    ended = "interrupted" if done.status == TIME_OVER else f"status {done.status}"
    print(f"{group}: {done.seconds:.0f} s, {ended}\n{counts}", flush=True)
    return done.status == 0
