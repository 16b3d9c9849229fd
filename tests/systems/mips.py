"""Unit and property tests on mips (big-endian, 32 bits), by CPython built for it and QEMU's user emulation.

``make mips``, or with tests: ``python -m tests.systems.mips tests/unit/knocks``. As root, for binfmt_misc.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systems.cpython import LACKING, Target, build_python
from tests.systems.other_python import install_packages, run_tests

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

EXAMPLES = 3
"""Examples of a property: the emulation takes twenty times as long."""

PARTS = ("bpf", "conf", "knocks", "leases", "sequences", "signed", "net", "process", "worker")
"""Folders of tests/unit that are run: what processor, C library and kernel structures matter to."""

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

FORMATS = Path("/proc/sys/fs/binfmt_misc")


@contextmanager
def emulator() -> Iterator[None]:
    """In the block, this machine runs programs for mips (binfmt_misc; as root)."""
    entry = FORMATS / "qemu-mips"
    if entry.exists():
        yield
        return
    if not (FORMATS / "register").exists():
        subprocess.run(("mount", "-t", "binfmt_misc", "binfmt_misc", FORMATS), check=True)
    magic, mask = ("".join(f"\\x{byte:02x}" for byte in bytes.fromhex(one)) for one in (MAGIC, MASK))
    (FORMATS / "register").write_text(f":qemu-mips:M::{magic}:{mask}:/usr/bin/qemu-mips-static:F")
    try:
        yield
    finally:
        entry.write_text("-1")


def main(*tests: str) -> int:
    """Builds, runs and counts; pytest's exit status."""
    python = build_python(MIPS)
    install_packages(MIPS, ("any",), PACKAGES)
    install_packages(MIPS, (), HALVES)
    with emulator():
        print(subprocess.run((python, "-VV"), check=True, capture_output=True, text=True).stdout.strip())
        return run_tests(
            ("nice", python),
            tests or (*(f"tests/unit/{part}" for part in PARTS), "tests/property"),
            report=MIPS.folder / "report.xml",
            examples=EXAMPLES,
            impossible=IMPOSSIBLE,
            lacking=MISSING,
        )


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
