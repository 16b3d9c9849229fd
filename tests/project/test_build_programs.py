"""The programs that make runs to build packages and to try whole systems: ``--help`` begins nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = (
    *(f"knockd_packages.{name}" for name in ("completions", "deb", "ipk", "release", "site")),
    *(
        f"tests.systems.{name}"
        for name in ("arm64", "armhf", "container", "deb_systems", "mips", "musl", "openwrt")
    ),
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help(program: str, tmp_path: Path) -> None:
    """``--help`` says what a program does and ends; PATH is empty, so no other program could be run."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}
    command = [sys.executable, "-m", program, "--help"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("usage: ")
