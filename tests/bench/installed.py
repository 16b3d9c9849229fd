"""knockd as the README installs it: the wheel and the packages that it needs."""

from __future__ import annotations

import compileall
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.lab.wheel import unpack_wheel

PACKAGES = ("pcapy-ng", "structlog")
"""What the default install brings; copied from this environment."""


class Installed:
    """A virtual environment in ``folder`` with nothing else in it than what ``venv`` puts there."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        (site,) = folder.glob("venv/lib/python*/site-packages")
        self.python = str(folder / "venv/bin/python")
        self._packages = folder / "packages"
        unpack_wheel(self._packages)
        for name in PACKAGES:
            for file in importlib.metadata.files(name) or ():
                source = Path(str(file.locate()))
                if source.is_file() and ".." not in file.parts:
                    copy = self._packages / file
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, copy)
        compileall.compile_dir(self._packages, quiet=1)
        shutil.copytree(self._packages, site, dirs_exist_ok=True)

    @property
    def program(self) -> tuple[str, ...]:
        """Its knockd; isolated, or the source in PYTHONPATH would be imported instead."""
        return (self.python, "-I", "-m", "knockd")

    def megabytes(self) -> float:
        """What it takes on disk, in 10^6 bytes, compiled, without Python itself."""
        return sum(path.stat().st_size for path in self._packages.rglob("*") if path.is_file()) / 1e6
