"""Wheel, sdist and the list of what a default install brings (SBOM).

World: files of the checkout, pip, cyclonedx-bom.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from knockd_packages.file_list import ROOT
from knockd_packages.version import find_epoch, read_version


def build(kind: Literal["wheel", "sdist"], folder: Path, source: Path = ROOT) -> Path:
    """Builds the wheel or sdist of a checkout into ``folder`` with the setuptools that is installed here."""
    folder.mkdir(parents=True, exist_ok=True)
    code = f"import sys; from knockd_packages.backend import build_{kind} as build; build(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": str(source / "conf"), "PYTHONDONTWRITEBYTECODE": "1"}
    _run([sys.executable, "-W", "ignore", "-c", code, folder], cwd=source, env=environment)
    (built,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])
    return built


def list_components(wheel: Path, folder: Path) -> Path:
    """Writes what a default install brings as CycloneDX JSON into ``folder``, held to its schema.

    ``folder`` gets the install of ``wheel`` too. Versions are those that pip finds today.
    """
    venv, report = folder / "installed", folder / f"knockd-{read_version(ROOT)}.cdx.json"
    _run([sys.executable, "-m", "venv", "--without-pip", venv])
    _run([sys.executable, "-m", "pip", "--python", venv / "bin/python", "install", "-qq", wheel])
    for origin in venv.glob("lib/python*/site-packages/*.dist-info/direct_url.json"):
        origin.unlink()  # where the wheel lay on this machine
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(find_epoch(ROOT))}
    options = ("--output-reproducible", "--validate", "--spec-version", "1.6", "--output-file", report)
    tool = (sys.executable, "-m", "cyclonedx_py", "environment")
    _run([*tool, *options, venv / "bin/python"], env=environment)
    return report


def _run(command: Sequence[str | Path], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Runs a program quietly; raises SystemExit with what it said where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=env, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))} failed with status {done.returncode}:\n{done.stdout}"
        )
