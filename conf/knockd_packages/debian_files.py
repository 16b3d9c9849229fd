"""Puts what the list names for Debian into the tree of the package; ``conf/debian/rules`` runs it.

World: files below a folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from knockd_packages.file_list import LOCAL_PROGRAMS, ROOT, System, files_of, move_programs, programs

PRIVATE = "/usr/share/knockd"
"""Where the Python packages are: not dist-packages, for nobody else imports them."""

FOLDERS = {"knockd": "/usr/sbin", "knock": "/usr/bin", "knockctl": "/usr/bin"}
"""Where the programs are, as those of knockd 0.8."""

LAUNCHER = """#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "{private}")

from {module} import {function}

sys.exit({function}())
"""
"""A program. ``-I``: neither the environment nor a user's folder puts modules in front of Python's own."""


def stage(root: Path) -> None:
    """Installs the files and the programs below ``root``."""
    for one in files_of(System.DEBIAN):
        data = (ROOT / one.source).read_bytes()
        if LOCAL_PROGRAMS.encode() in data and not one.destination.startswith("usr/share/doc/"):
            data = move_programs(data.decode(), FOLDERS).encode()
        _write(root / one.destination, data, one.mode)
    for name, entry in programs().items():
        module, _, function = entry.partition(":")
        text = LAUNCHER.format(private=PRIVATE, module=module, function=function)
        _write(root / FOLDERS[name].lstrip("/") / name, text.encode(), 0o755)


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
