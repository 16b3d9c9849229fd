"""What a make target asks of the machine before it builds, and what it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lab.packages import BUILD
from tests.support.lab.tools import need, without_make

ROOT = Path(__file__).resolve().parents[2]
BESIDE = {"build-essential", "dpkg-dev", "git"}
"""What builds any Debian package, and what tells the date of a commit."""


def test_deb() -> None:
    """``make deb`` installs what the control files name, and nothing that judges packages or draws pages."""
    named = {"debhelper" if one.startswith("debhelper") else one for one in read_build_depends()}
    assert set(BUILD.values()) - BESIDE == named


def test_deb_by_any_python() -> None:
    """What builds the Debian packages imports the standard library alone: -S leaves out what is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "conf")))}
    command = [sys.executable, "-S", "-m", "knockd_packages.deb", "--help"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def test_deb_without_venv() -> None:
    """``make deb`` makes no .venv."""
    said = show("deb")
    assert re.search(r"python3[.\d]* -m knockd_packages\.deb$", said[-1])
    assert not any(".venv" in line for line in said)


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (("arm64", "NAME=package"), "-m tests.systems.arm64 package"),
        (("deb-systems", "NAME=trixie"), "-m tests.systems.deb_systems trixie"),
        (("mips", "NAME=tests/unit/knocks"), "-m tests.systems.mips tests/unit/knocks"),
        (("bench", "NAME=fleet --quick"), "-m tests.bench fleet --quick"),
    ],
)
def test_name_chooses(words: tuple[str, ...], ends: str) -> None:
    """NAME reaches the module that a target runs."""
    assert show(*words)[-1].endswith(ends)


@pytest.mark.parametrize("way", ["environment", "command line"])
def test_another_python(way: str) -> None:
    """PYTHON chooses another one, also from the environment."""
    other = {"PYTHON": "/opt/other/python3"}
    said = show("deb", **other) if way == "environment" else show("deb", *map("=".join, other.items()))
    assert said[-1].endswith("/opt/other/python3 -m knockd_packages.deb")


def show(*words: str, **more: str) -> list[str]:
    """The lines that make would run; ``more`` goes into its environment."""
    environment = without_make() | more
    command = [need("make", "make"), "--dry-run", "--no-print-directory", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def read_build_depends() -> set[str]:
    """The names in Build-Depends of both source packages."""
    names = set()
    for folder in ("debian", "debian-pcapy"):
        text = (ROOT / "conf" / folder / "control").read_text()
        found = re.search(r"^Build-Depends:((?:.*\n)(?: .*\n)*)", text, re.MULTILINE)
        assert found, folder
        names |= {one.split()[0] for one in found[1].split(",")}
    return names
