"""A release is made of what is committed and dated, and is never replaced by another one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from knockd_packages.distributions import list_components
from knockd_packages.file_list import ROOT
from knockd_packages.release import find_components, find_obstacles, format_sums, put
from knockd_packages.version import EARLIEST, find_epoch, read_version

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-30\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with all committed, and a version that has its date."""
    (tmp_path / "knockd").mkdir()
    (tmp_path / "knockd/__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "Begin")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_ready(checkout: Path) -> None:
    """Nothing keeps it from being released, and what is built has its date."""
    assert list(find_obstacles(checkout)) == []
    assert find_epoch(checkout) == 1_795_996_800


def test_uncommitted(checkout: Path) -> None:
    """What nobody could build again is not released."""
    (checkout / "new.py").touch()
    (said,) = find_obstacles(checkout)
    assert said == "expected all changes to be committed, got others (new.py): commit or undo them"


def test_no_checkout(checkout: Path) -> None:
    """Without git nobody knows what is committed."""
    (checkout / ".git").rename(checkout / "elsewhere")
    (said,) = find_obstacles(checkout)
    assert said.startswith(f"{checkout}: expected a checkout of git, got none")


@pytest.mark.parametrize("heading", ["## [Unreleased]", "## [1.2.3]", "## [1.2] - 2026-11-30"])
def test_no_date(heading: str, checkout: Path) -> None:
    """A version without a dated section is none yet, and is built with the first date that a ZIP file has."""
    (checkout / "CHANGELOG.md").write_text(f"{heading}\n")
    assert (
        "CHANGELOG.md: expected a section '## [1.2.3] - YYYY-MM-DD', got none"
        in list(find_obstacles(checkout))[-1]
    )
    assert find_epoch(checkout) == EARLIEST


def test_no_version(checkout: Path) -> None:
    """The place of the version is named where it has none."""
    (checkout / "knockd/__init__.py").write_text("")
    with pytest.raises(ValueError, match=r"^knockd/__init__\.py: expected a line __version__"):
        read_version(checkout)


def test_never_replaced(tmp_path: Path) -> None:
    """The same bytes may come again; other bytes under a name that is there change nothing."""
    new, out = tmp_path / "new", tmp_path / "out"
    new.mkdir()
    files = [new / "a", new / "b"]
    for one in files:
        one.write_text("first")
    assert put(files, out) == []
    assert put(files, out) == []
    for one in (new / "a", new / "c"):
        one.write_text("second")
    assert put([*files, new / "c"], out) == ["a"]
    assert {path.name: path.read_text() for path in out.iterdir()} == {"a": "first", "b": "first"}


def test_components_stay(tmp_path: Path) -> None:
    """The list of components that is there is taken again, whatever pip would find now."""
    new, out = tmp_path / "new", tmp_path / "out"
    for folder in (new, out):
        folder.mkdir()
    (out / f"knockd-{read_version(ROOT)}.cdx.json").write_text("first")
    found = find_components(tmp_path / "none.whl", new, out)
    assert found.parent == new
    assert put([found], out) == []


def test_sums(tmp_path: Path) -> None:
    """sha256sum reads them."""
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "SHA256SUMS").write_text(format_sums([tmp_path / "b", tmp_path / "a"]))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "a: OK\nb: OK\n"


def test_components(wheel: Path, tmp_path: Path) -> None:
    """The list has what a default install brings, with licences, and the schema takes it."""
    text = list_components(wheel, tmp_path).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = {one["name"]: one for one in json.loads(text)["components"]}
    assert set(components) - {"typing_extensions", "pcapy-ng"} == {"knockd", "structlog"}
    assert components["knockd"]["version"] == read_version(ROOT)
    assert all(one["licenses"] for one in components.values())
    assert str(tmp_path) not in text
