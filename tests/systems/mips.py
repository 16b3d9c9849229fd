"""Unit and property tests on mips (big-endian, 32 bits), by CPython built for it and QEMU's user emulation.

``make mips``, or some tests: ``make mips NAME=tests/unit/knocks``. As root, for binfmt_misc.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.lab.packages import find, provide
from tests.systems.cpython import LACKING, Target, build_python, only_trial
from tests.systems.other_python import install_packages, parse_tests, run_parts

LIBRARY = "/usr/mips-linux-gnu/lib"
MIPS = Target(
    name="mips",
    triplet="mips-linux-gnu",
    here="x86_64-linux-gnu",
    compiler="mips-linux-gnu-gcc",
    archiver="mips-linux-gnu-ar",
    readelf="mips-linux-gnu-readelf",
    packages=("gcc-mips-linux-gnu", "libc6-dev-mips-cross", "qemu-user-static"),
    # So the program runs on this machine, in any environment: QEMU finds its loader where Debian has it.
    linker=f"-Wl,--dynamic-linker={LIBRARY}/ld.so.1 -Wl,-rpath,{LIBRARY}",
)

PATIENCE, EXAMPLES = 10, 3
"""How many times as long tests wait, and examples of a property: the emulation takes twenty times as long."""

FOLDERS = (
    ("files", "net", "process"),
    ("log", "worker", "leases"),
    ("bpf", "knocks", "sequences", "signed"),
)
"""Folders of tests/unit that are run: what processor, C library and kernel structures matter to."""

PARTS = (*(tuple(f"tests/unit/{one}" for one in part) for part in FOLDERS), ("tests/property",))
"""Tests that run together, each part with counts of its own."""

PACKAGES = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet"),
    *("hypothesis", "sortedcontainers", "structlog", "typing-extensions"),
    *("segno", "jinja2", "impacket", "six", "pyasn1", "prometheus-client", "varlink"),
)
"""What the tests import of Python alone. PyNaCl and pcapy-ng are C, and have no wheel for mips."""

HALVES = ("markupsafe",)
"""Packages that do without their C where it is for another machine."""

IMPOSSIBLE = {
    "tests/unit/process/test_seccomp.py": "QEMU's user emulation has no seccomp(2)",
    **dict.fromkeys(
        (f"process/test_name.py::test_{name}" for name in ("daemon", "other_processes", "too_long")),
        "QEMU's user emulation has no place of the command line in /proc/self/stat",
    ),
    **dict.fromkeys(
        (f"worker/test_lockdown.py::test_{name}" for name in ("calls_are_really", "as_the_kernel_shows_it")),
        "QEMU's user emulation has no seccomp(2)",
    ),
    **dict.fromkeys(
        (
            "leases/test_runner.py::test_without_a_shell",
            "leases/test_spawn.py::test_path",
            "leases/test_spawn.py::test_refused_first",
            "leases/test_spawn.py::test_what_cannot_be_run",
        ),
        "QEMU's user emulation forks for vfork(2): posix_spawn(3) does not hear that a program cannot be run",
    ),
    "test_every_instruction_as_libpcap_prints_it": "this machine's libpcap is for another processor",
    "test_interfaces.py::test_next_hops": "QEMU's user emulation does not translate RTA_MULTIPATH",
}
"""What QEMU's user emulation cannot do, by a part of a test's id."""

MISSING = {
    **LACKING,
    "pcapy": "pcapy-ng has no wheel for mips",
    "nacl": "PyNaCl has no wheel for mips",
}
"""Why packages that some tests import are not there."""

MAGIC = "7f454c4601020100000000000000000000020008"
MASK = "ffffffffffffff00fefffffffffffffffffeffff"
"""The head of a program for mips, and which of its bits count: as QEMU's qemu-mips.conf for binfmt.d(5)."""

EMULATOR = "/usr/bin/qemu-mips-static"
FORMATS = Path("/proc/sys/fs/binfmt_misc")


@contextmanager
def emulator(formats: Path = FORMATS) -> Iterator[None]:
    """In the block, this machine runs programs for mips (binfmt_misc; as root).

    Debian's own entry is used where it is; an entry that a trial left as it was killed is made anew.
    """
    if not (formats / "register").exists():
        subprocess.run(("mount", "-t", "binfmt_misc", "binfmt_misc", formats), check=True)
    if (formats / "qemu-mips").exists() and (formats / "qemu-mips").read_text().startswith("enabled"):
        yield
        return
    entry = formats / "knockd-mips"
    if entry.exists():
        entry.write_text("-1")
    magic, mask = ("".join(f"\\x{byte:02x}" for byte in bytes.fromhex(one)) for one in (MAGIC, MASK))
    (formats / "register").write_text(f":{entry.name}:M::{magic}:{mask}:{EMULATOR}:F")
    try:
        yield
    finally:
        entry.write_text("-1")


def main(*tests: str) -> int:
    """Builds, runs and counts; pytest's exit status."""
    if find(EMULATOR) is None and provide([*MIPS.packages]):
        raise SystemExit(1)
    with only_trial(MIPS), emulator():
        python = build_python(MIPS)
        install_packages(MIPS, ("any",), PACKAGES)
        install_packages(MIPS, (), HALVES)
        print(subprocess.run((python, "-VV"), check=True, capture_output=True, text=True).stdout.strip())
        os.environ.setdefault("TESTS_PATIENCE", str(PATIENCE))
        return run_parts(
            MIPS,
            [tests] if tests else PARTS,
            examples=EXAMPLES,
            impossible=IMPOSSIBLE,
            lacking=MISSING,
        )


if __name__ == "__main__":
    raise SystemExit(main(*parse_tests(main.__doc__)))
