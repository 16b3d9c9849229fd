"""A copy of the checkout to build in: what packages are made of, and nothing that is made of it.

World: files of the checkout, git's log.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from knockd_packages.file_list import ROOT

_KEPT = (
    "knockd",
    "bpf",
    "conf",
    "docs",
    "pyproject.toml",
    "setup.cfg",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    ".gitignore",
)
_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*", "golden")
_RELEASE = r"^## \[?{}\]? - (\d{{4}}-\d\d-\d\d)$"


def read_version() -> str:
    """The version of the checkout, from knockd/__init__.py."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "knockd/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit('knockd/__init__.py: expected a line __version__ = "...", found none')
    return found[1]


def find_time(version: str) -> int:
    """When ``version`` was made, in seconds since the epoch: what is built has no later time.

    SOURCE_DATE_EPOCH, else its day in CHANGELOG.md, else the time of the last commit, else of CHANGELOG.md.
    """
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(epoch)
    changelog = ROOT / "CHANGELOG.md"
    if found := re.search(_RELEASE.format(re.escape(version)), changelog.read_text(), re.MULTILINE):
        return int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return int(done.stdout)
    return int(changelog.stat().st_mtime)


def copy_tree(folder: Path, epoch: int) -> None:
    """Copies what packages are made of into ``folder``, which is made; every file gets the time ``epoch``."""
    folder.mkdir(parents=True)
    for name in _KEPT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_IGNORED)
        else:
            shutil.copy(ROOT / name, folder / name)
    set_times(folder, epoch)


def set_times(folder: Path, epoch: int) -> None:
    """Gives all that is below ``folder`` the time ``epoch``, and modes that no umask has made."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch))
