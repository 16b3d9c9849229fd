"""A copy of the checkout to build in: what packages are made of, and nothing that is made of it.

World: files of the checkout.
"""

from __future__ import annotations

import os
import shutil
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
