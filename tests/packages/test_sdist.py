"""The sdist: the same bytes for the same files, and a whole checkout, tested and built as this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from knockd_packages.backend import METADATA, list_sources
from knockd_packages.distributions import build
from knockd_packages.file_list import ROOT
from knockd_packages.version import read_version

IS_OWN = "import knockd, knockd_conf, sys; sys.exit(not knockd.__file__.startswith(sys.argv[1]))"


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it makes."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as opened:
        opened.extractall(folder, filter="data")
    return folder / f"knockd-{read_version(ROOT)}"


def test_files(unpacked: Path) -> None:
    """It has each file of the checkout as it is, and the metadata that package indexes read."""
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert found == {*list_sources(ROOT), METADATA}
    assert [
        name for name in list_sources(ROOT) if (ROOT / name).read_bytes() != (unpacked / name).read_bytes()
    ] == []
    assert f"\nVersion: {read_version(ROOT)}\n" in (unpacked / METADATA).read_text()


def test_no_owner(sdist: Path) -> None:
    """Nothing in it says who built it and when: owners, dates and modes are the same everywhere."""
    with tarfile.open(sdist) as opened:
        members = opened.getmembers()
    assert {(one.uid, one.gid, one.uname, one.gname) for one in members} == {(0, 0, "", "")}
    assert {one.mtime for one in members} == {members[0].mtime}
    assert {one.mode for one in members} == {0o644, 0o755}


def test_same_bytes(sdist: Path, wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    """What it makes of itself is itself, and its wheel is that of the checkout."""
    assert build("sdist", tmp_path / "sdist", unpacked).read_bytes() == sdist.read_bytes()
    assert build("wheel", tmp_path / "wheel", unpacked).read_bytes() == wheel.read_bytes()


def test_tests_run(unpacked: Path) -> None:
    """Unit tests and tests of the project run from it, on its own source."""
    tests = ("tests/unit/conf/test_text.py", "tests/project/test_extras.py", "tests/project/test_version.py")
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = "."
    subprocess.run([sys.executable, "-c", IS_OWN, unpacked], cwd=unpacked, env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=unpacked,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stdout


def test_package_index_takes_it(sdist: Path) -> None:
    """Its description renders."""
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", sdist], check=True)
