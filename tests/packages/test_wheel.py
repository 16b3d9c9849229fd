"""The wheel: the same bytes for the same files, all that it is to have, and what an install of it leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from knockd_packages.backend import list_sources
from knockd_packages.distributions import build
from knockd_packages.file_list import ROOT, System, files_of, programs, python_files
from knockd_packages.version import read_version
from tests.support.lab.tools import need

OF_VENV = {"activate", "activate.csh", "activate.fish", "Activate.ps1"}


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with a default install."""
    folder = tmp_path_factory.mktemp("default")
    make_venv(folder, str(wheel))
    return folder


def make_venv(folder: Path, *packages: str, before: tuple[str, ...] = ()) -> None:
    """A new virtual environment in a folder, without pip, and with these packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    if packages:
        pip(folder, "install", "-qq", *packages, before=before)


def pip(venv: Path, *command: str, before: tuple[str, ...] = ()) -> str:
    """What pip prints, at work on an environment from outside."""
    argv = (*before, sys.executable, "-m", "pip", "--python", f"{venv}/bin/python", *command)
    return subprocess.run(argv, text=True, check=True, stdout=subprocess.PIPE).stdout


def run(venv: Path, *command: str | Path) -> str:
    """What a program of an environment prints, in a folder where no source is."""
    path = f"{venv}/bin:{os.environ['PATH']}"
    argv = (venv / "bin" / command[0], *command[1:])
    done = subprocess.run(argv, cwd="/", env={"PATH": path}, text=True, check=True, stdout=subprocess.PIPE)
    return done.stdout


def test_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """Another folder, umask, date and the rest of an older build change nothing."""
    copy = tmp_path / "copy"
    for name in list_sources(ROOT):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
        (copy / name).chmod(0o700 if (ROOT / name).stat().st_mode & 0o100 else 0o600)
    stale = copy / "build/lib/knockd/stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert build("wheel", tmp_path / "again", copy).read_bytes() == wheel.read_bytes()


def test_files(wheel: Path) -> None:
    """It has what the list of files says, and nothing else."""
    stem = f"knockd-{read_version(ROOT)}"
    with zipfile.ZipFile(wheel) as opened:
        found = {name for name in opened.namelist() if not name.startswith(f"{stem}.dist-info/")}
    data = {one.destination.removeprefix("usr/") for one in files_of(System.WHEEL)}
    assert found == {f"{stem}.data/data/{name}" for name in data} | set(python_files().values())


@pytest.mark.parametrize("tool", [("twine", "check", "--strict"), ("check_wheel_contents",)])
def test_tools(tool: tuple[str, ...], wheel: Path) -> None:
    """Package indexes take it as it is."""
    done = subprocess.run(
        [sys.executable, "-m", *tool, wheel], check=False, text=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


def test_programs(venv: Path) -> None:
    """A default install has our programs and no others: none of a dependency."""
    found = {path.name for path in (venv / "bin").iterdir()}
    pythons = {name for name in found if name.startswith("python")}
    assert found - OF_VENV - pythons == set(programs())


def test_default_install(venv: Path) -> None:
    """It brings what the daemon needs, and each program says its version."""
    listed = pip(venv, "list", "--format=freeze").splitlines()
    brought = {line.partition("==")[0].lower() for line in listed}
    assert brought <= {"knockd", "pcapy-ng", "structlog", "typing_extensions"}
    for program in programs():
        assert run(venv, program, "--version").split() == [program, read_version(ROOT)]


def test_data_files(venv: Path) -> None:
    """Manual pages, units and examples lie in its prefix as they are in the checkout."""
    for one in files_of(System.WHEEL):
        installed = venv / one.destination.removeprefix("usr/")
        assert installed.read_bytes() == (ROOT / one.source).read_bytes()


def test_example_is_good(venv: Path) -> None:
    """The installed daemon takes an installed example."""
    example = venv / "share/doc/knockd/examples/router.conf"
    assert "tcp[13]" in run(venv, "knockd", "--dry-run", "-i", "lo", "-c", example)


def test_without_capture_library(wheel: Path, tmp_path: Path) -> None:
    """Where there is no pcapy-ng, client and control work, and doors can be looked at."""
    # On a processor that PyPI has no pcapy-ng for: the name of this one is another inside of linux32.
    make_venv(tmp_path, str(wheel), before=(need("linux32"),))
    assert not list(tmp_path.glob("lib/python*/site-packages/pcapy*"))
    assert run(tmp_path, "knockctl", "--version").split() == ["knockctl", read_version(ROOT)]
    assert run(tmp_path, "knock", "-v", "127.0.0.1", "9:udp") == "hitting udp 127.0.0.1:9\n"
    log = tmp_path / "knockd.log"
    log.write_text("[2026-11-22 21:07] 192.0.2.7: ssh: OPEN SESAME\n")
    assert "192.0.2.7" in run(tmp_path, "knockctl", "log", "--list", log)
    example = tmp_path / "share/doc/knockd/examples/router.conf"
    assert "filter" in run(tmp_path, "knockd", "--dry-run", "-i", "lo", "-c", example)


def test_removal(wheel: Path, tmp_path: Path) -> None:
    """pip takes away each file that it has installed."""
    make_venv(tmp_path)
    before = files_below(tmp_path)
    pip(tmp_path, "install", "-qq", "--no-deps", str(wheel))
    assert tmp_path / "lib/systemd/system/knockd.service" in files_below(tmp_path) - before
    pip(tmp_path, "uninstall", "-qq", "--yes", "knockd")
    assert files_below(tmp_path) == before


def files_below(folder: Path) -> set[Path]:
    """Everything below a folder but folders."""
    return {path for path in folder.rglob("*") if not path.is_dir()}
