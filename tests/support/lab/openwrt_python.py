"""Python as OpenWrt splits it: this Python's standard library, reduced to what some of its packages hold.

The lists are those of the feed of packages, lang/python/python3/Makefile and files/python3-package-*.mk.
There, too, a package has .pyc files alone.
"""

from __future__ import annotations

import importlib.util
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
BASE = (
    "encodings",
    "_collections_abc.py",
    "_sitebuiltins.py",
    "_sysconfigdata_*.py",
    "_weakrefset.py",
    "abc.py",
    "codecs.py",
    "genericpath.py",
    "io.py",
    "os.py",
    "posixpath.py",
    "site.py",
    "sysconfig.py",
    "stat.py",
)

SPLIT = {
    "python3-asyncio": ("asyncio",),
    "python3-cgi": ("cgi.py", "cgitb.py"),
    "python3-codecs": (
        *(f"_codecs_{one}.so" for one in ("cn", "hk", "iso2022", "jp", "kr", "tw")),
        "unicodedata.so",
    ),
    "python3-ctypes": ("ctypes", "_ctypes.so"),
    "python3-dbm": ("dbm", "_dbm.so", "_gdbm.so"),
    "python3-decimal": ("decimal.py", "_decimal.so"),
    "python3-distutils": ("distutils",),
    "python3-email": ("email",),
    "python3-lib2to3": ("lib2to3",),
    "python3-logging": ("logging",),
    "python3-lzma": ("lzma.py", "_lzma.so"),
    "python3-multiprocessing": ("multiprocessing", "_multiprocessing.so"),
    "python3-ncurses": ("curses", "_curses.so", "_curses_panel.so"),
    "python3-openssl": ("_hashlib.so", "_ssl.so"),
    "python3-pydoc": ("doctest.py", "pydoc.py", "pydoc_data"),
    "python3-readline": ("readline.so",),
    "python3-sqlite3": ("_sqlite3.so", "sqlite3"),
    "python3-unittest": ("unittest",),
    "python3-urllib": ("urllib",),
    "python3-uuid": ("uuid.py", "_uuid.so"),
    "python3-venv": ("ensurepip", "venv"),
    "python3-xml": ("xml", "xmlrpc", "_elementtree.so", "pyexpat.so"),
}
"""What is in none but these packages: modules, folders, and libraries of lib-dynload without their suffix."""

NOWHERE = (
    "idlelib",
    "tkinter",
    "turtledemo",
    "webbrowser.py",
    "_osx_support.py",
    "test",
    "site-packages",
    "config-*",
)
"""What python3-light leaves out and no package that matters has. A library of tests begins with ``_test``."""


def package_of(name: str) -> str | None:
    """The package of a file or folder of the standard library, by its name there; None: not on OpenWrt."""
    if any(fnmatchcase(name, pattern) for pattern in NOWHERE) or name.startswith(
        ("_test", "xx", "_ctypes_test")
    ):
        return None
    short = re.sub(r"\.cpython-[\w-]+\.so$", ".so", name)
    for package, names in SPLIT.items():
        if short in names:
            return package
    return "python3-base" if any(fnmatchcase(name, pattern) for pattern in BASE) else "python3-light"


def install_python(root: Path, packages: Iterable[str]) -> None:
    """Put this Python into ``root`` as python3-light and ``packages`` have it there."""
    wanted = {"python3-base", "python3-light", *packages}
    library = Path(sysconfig.get_path("stdlib"))
    target = root / "usr/lib" / PYTHON
    (target / "lib-dynload").mkdir(parents=True)
    (target / "site-packages").mkdir()
    for source in sorted(library.iterdir()):
        if source.name not in ("lib-dynload", "__pycache__") and package_of(source.name) in wanted:
            _copy(source, target / source.name)
    for source in sorted((library / "lib-dynload").iterdir()):
        if package_of(source.name) in wanted:
            _copy(source, target / "lib-dynload" / source.name)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    install_program(root, Path(sys.executable).resolve(), f"usr/bin/{PYTHON}")
    (root / "usr/bin/python3").symlink_to(PYTHON)
    for path in (target / "lib-dynload").iterdir():
        install_libraries(root, path)


def install_program(root: Path, program: Path, place: str) -> None:
    """Copy a program of this machine to ``place`` in ``root``, and the libraries that it is linked to."""
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program, root / place)
    install_libraries(root, program)


def install_libraries(root: Path, program: Path) -> None:
    """Copy the shared libraries that a program or library is linked to, each to its own place in ``root``."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for path in map(Path, re.findall(r"(?:=> |^\s*)(/\S+) \(", listed, flags=re.MULTILINE)):
        place = root / str(path).lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, of modules what is compiled."""
    if source.is_dir():
        target.mkdir()
        for one in source.iterdir():
            if one.name not in ("__pycache__", "test", "tests"):
                _copy(one, target / one.name)
    elif source.suffix == ".py":
        compiled = Path(importlib.util.cache_from_source(str(source)))
        if compiled.exists():
            shutil.copyfile(compiled, target.with_suffix(".pyc"))
        else:
            py_compile.compile(str(source), str(target.with_suffix(".pyc")))
    else:
        shutil.copy2(source, target)
