"""Unit, property and some end-to-end tests with musl as the C library, by CPython built for it.

``make musl``, or some tests: ``make musl NAME=tests/unit/knocks``. As root, for the lab.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.lab.packages import find, provide
from tests.systems.cpython import FOLDER, LACKING, Target, build_python, only_trial
from tests.systems.debian_archive import fetch_package
from tests.systems.footprint import measure
from tests.systems.other_python import install_packages, parse_tests, run_parts

COMPILER = FOLDER / "musl" / "musl-cc"
LOADER = FOLDER / "musl" / "ld-musl-x86_64.so.1"
RELEASE = "trixie"
"""Debian 13 has musl 1.2.5. Packages for musllinux have relocations that it knows since 1.2.4 (RELR)."""

MUSL = Target(
    name="musl",
    triplet="x86_64-linux-musl",
    here="x86_64-pc-linux-musl",  # not the same, or configure would not call it a cross build
    compiler=str(COMPILER),
    archiver="ar",
    readelf="/usr/bin/readelf",  # a bare name is not taken for the target's
    packages=("musl-tools", "binutils", "linux-libc-dev"),
    linker=f"-Wl,--dynamic-linker={LOADER}",
)

WRAPPER = """#!/bin/sh
# musl's compiler with the kernel's headers, which it has not, and without the name of Debian's C library.
case " $* " in *-print-multiarch*) exit 0 ;; esac
exec musl-gcc -L/usr/lib/x86_64-linux-musl "$@" -idirafter {headers}
"""
HEADERS = {
    "linux": "/usr/include/linux",
    "asm-generic": "/usr/include/asm-generic",
    "asm": "/usr/include/x86_64-linux-gnu/asm",
}

TAGS = ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64")
PACKAGES = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet"),
    *("hypothesis", "sortedcontainers", "structlog", "typing-extensions", "pcapy-ng", "pynacl", "cffi"),
    *(
        "pycparser",
        "segno",
        "jinja2",
        "markupsafe",
        "impacket",
        "six",
        "pyasn1",
        "prometheus-client",
        "varlink",
        "backports.zstd",
    ),
)

E2E = (
    *("doors", "reknock", "signals", "examples", "commands", "client"),
    *("keyed", "signed", "control", "options"),
)
"""Files of tests/e2e: doors of both IP versions, nft, reload, each kind of knock, the control socket."""

PARTS = (("tests/unit",), ("tests/property",), tuple(f"tests/e2e/test_{name}.py" for name in E2E))

READERS = {"pcapy-ng": ("structlog", "pcapy"), "its own reader": ("structlog",)}
"""What the daemon is measured with, and the packages for it."""

PATIENCE, EXAMPLES = 4, 20
"""How many times as long end-to-end tests wait, on a machine with other work; examples of a property."""

IMPOSSIBLE = {
    "test_every_instruction_as_libpcap_prints_it": "this machine's libpcap needs another C library",
    "test_the_stamp_follows_the_time_zone": "musl reads the time zone at its first use only",
    "test_a_name_gets_the_address_that_0_8_takes": "musl sorts addresses in another order",
    "tests/e2e/test_log_review.py::test_journal": "this Python is not where systemd may run it",
}
"""What cannot be tried here, by a part of a test's id."""


def prepare_loader() -> None:
    """Fetches the C library that the programs will run with, as Debian's next release has it."""
    if not LOADER.exists():
        LOADER.parent.mkdir(parents=True, exist_ok=True)
        unpacked = fetch_package(LOADER.parent, "musl", RELEASE)
        copy = LOADER.with_suffix(".new")
        shutil.copy(unpacked / "usr/lib/x86_64-linux-musl/libc.so", copy)
        copy.rename(LOADER)


def prepare_compiler() -> None:
    """Makes the compiler's wrapper. Raises SystemExit where there is nothing to be wrapped."""
    if find("musl-gcc") is None and provide([*MUSL.packages]):
        raise SystemExit(1)
    headers = COMPILER.parent / "headers"
    headers.mkdir(parents=True, exist_ok=True)
    for name, target in HEADERS.items():
        link = headers / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    COMPILER.write_text(WRAPPER.format(headers=headers))
    COMPILER.chmod(0o755)


def main(*tests: str) -> int:
    """Builds, runs and counts; pytest's exit status."""
    with only_trial(MUSL):
        prepare_compiler()
        prepare_loader()
        python = build_python(MUSL)
        install_packages(MUSL, TAGS, PACKAGES)
        print(subprocess.run((python, "-VV"), check=True, capture_output=True, text=True).stdout.strip())
        os.environ.setdefault("TESTS_PATIENCE", str(PATIENCE))
        failed = run_parts(
            MUSL,
            [tests] if tests else PARTS,
            examples=EXAMPLES,
            impossible=IMPOSSIBLE,
            lacking=LACKING,
        )
        if not tests:
            measure_daemon(python)
    return failed


def measure_daemon(python: Path) -> None:
    """Prints memory and times of the daemon, beside this machine's C library."""
    for reader, packages in READERS.items():
        for library, one in (("musl", python), ("this machine's C library", Path(sys.executable))):
            print(f"{library}, {reader}: {measure(one, packages)}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(*parse_tests(main.__doc__)))
