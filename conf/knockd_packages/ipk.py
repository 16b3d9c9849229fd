"""``python -m knockd_packages.ipk``: build/ipk with OpenWrt's packages knockd and python3-structlog.

An .ipk is a gzip'd tar of debian-binary, data.tar.gz and control.tar.gz, as OpenWrt's ipkg-build makes it.
Like all Python packages there these hold .pyc files alone, for one version of Python: that which builds them.

World: files of the checkout and of structlog, and build/ipk.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from knockd import __version__
from knockd_packages.file_list import ROOT, System, files_of, programs, python_files
from knockd_packages.recipe import Recipe, read_recipe
from knockd_packages.version import find_epoch

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
RELEASED = "3.11"
"""The Python of the releases that have opkg and a Python that is new enough: 23.05 and 24.10."""
SITE = f"usr/lib/python{VERSION}/site-packages"
LIBRARY = f"libpython3-{VERSION}"
"""The package of OpenWrt whose name says the version of Python: .pyc files are no other's."""

# No docstrings, asserts and columns: of 1.78 MB compressed 1.13 MB are left, and 0.3 MB less are in memory.
COMPILE = """
import py_compile, sys
for line in sys.stdin:
    source, shown, target = line.rstrip("\\n").split("\\t")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(source, target, shown, doraise=True, optimize=2, invalidation_mode=mode)
"""

PROGRAM = """#!/usr/bin/python3 -I
import sys
from {module} import {name}
sys.exit({name}())
"""

# What OpenWrt's package-pack.mk puts into every package: base-files does the work.
SCRIPTS = {
    "postinst": '[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n{functions}default_postinst $0 $@\n',
    "prerm": "{functions}default_prerm $0 $@\n",
}
FUNCTIONS = "[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n"


class Entry(NamedTuple):
    """A file in a package."""

    path: str
    """From the root, without a leading slash."""
    data: bytes
    mode: int = 0o644


def compile_modules(sources: Mapping[str, Path]) -> list[Entry]:
    """The .pyc files of modules; ``sources`` has the file of each, by its place (``knockd/cli.py``).

    Another process compiles, so that nothing but the sources decides their bytes. Raises CalledProcessError.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled = {place: Path(folder, str(number)) for number, place in enumerate(sorted(sources))}
        lines = (f"{sources[place]}\t/{SITE}/{place}\t{target}\n" for place, target in compiled.items())
        command = [sys.executable, "-s", "-X", "no_debug_ranges", "-c", COMPILE]
        environment = {"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")}
        subprocess.run(command, input="".join(lines), text=True, check=True, env=environment)
        return [Entry(f"{SITE}/{place}c", target.read_bytes()) for place, target in compiled.items()]


def knockd_entries() -> list[Entry]:
    """The files of the package knockd."""
    found = python_files()
    modules = {place: ROOT / source for source, place in found.items() if place.endswith(".py")}
    pages = [one for one in found.items() if not one[1].endswith((".py", "py.typed"))]
    entries = compile_modules(modules)
    entries += [Entry(f"{SITE}/{place}", (ROOT / source).read_bytes()) for source, place in pages]
    entries += [
        Entry(one.destination, (ROOT / one.source).read_bytes(), one.mode) for one in files_of(System.OPENWRT)
    ]
    for program, entry in programs().items():
        module, _, name = entry.partition(":")
        text = PROGRAM.format(module=module, name=name)
        entries.append(Entry(f"usr/bin/{program}", text.encode(), 0o755))
    return entries


def structlog_entries() -> list[Entry]:
    """The files of the package python3-structlog: those of the structlog that is installed here."""
    files = importlib.metadata.files("structlog") or []
    modules = {str(one): Path(str(one.locate())) for one in files if one.suffix == ".py"}
    return compile_modules(modules)


def build_package(recipe: Recipe, version: str, entries: Iterable[Entry], time: int) -> bytes:
    """An .ipk; ``time`` is that of all files in it, in seconds since the epoch."""
    files = {entry.path: entry for entry in entries}
    kept = [path for path in recipe.conffiles if path.lstrip("/") not in files]
    if kept:  # what is made later, which an upgrade of the system keeps, too
        place = f"lib/upgrade/keep.d/{recipe.name}"
        files[place] = Entry(place, "".join(f"{path}\n" for path in kept).encode())
    data = _tar(files.values(), time)
    control = [Entry("control", _control(recipe, version, len(data)).encode())]
    conffiles = sorted(set(recipe.conffiles) - set(kept))
    if conffiles:
        control.append(Entry("conffiles", "".join(f"{path}\n" for path in conffiles).encode()))
    for name, text in SCRIPTS.items():
        control.append(Entry(name, f"#!/bin/sh\n{text.replace('{functions}', FUNCTIONS)}".encode(), 0o755))
    parts = [
        Entry("debian-binary", b"2.0\n"),
        Entry("data.tar.gz", _gzip(data)),
        Entry("control.tar.gz", _gzip(_tar(control, time))),
    ]
    return _gzip(_tar(parts, time, folders=False))


def build_all(folder: Path, time: int) -> list[Path]:
    """Make both packages in ``folder``; their files."""
    openwrt = ROOT / "conf/openwrt"
    knockd = read_recipe((openwrt / "Makefile").read_text(), "knockd")
    structlog = read_recipe((openwrt / "python-structlog/Makefile").read_text(), "python3-structlog")
    packages = (
        (knockd, __version__, knockd_entries()),
        (structlog, importlib.metadata.version("structlog"), structlog_entries()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for recipe, upstream, entries in packages:
        version = f"{upstream}-r{recipe.release}"
        path = folder / f"{recipe.name}_{version}_all.ipk"
        path.write_bytes(build_package(recipe, version, entries, time))
        paths.append(path)
    return paths


def _control(recipe: Recipe, version: str, size: int) -> str:
    """The control file; ``size`` is that of the files, in bytes."""
    fields = {
        "Package": recipe.name,
        "Version": version,
        "Depends": ", ".join(("libc", LIBRARY, *recipe.depends)),
        "License": recipe.licence,
        "Section": recipe.section,
        "Require-User": recipe.user,
        "Architecture": "all",
        "Installed-Size": str(size),
        "Description": recipe.title,
    }
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value]
    return "".join((*lines, *(f" {line}\n" for line in recipe.description)))


def _tar(entries: Iterable[Entry], time: int, *, folders: bool = True) -> bytes:
    """A tar file, sorted but for one without ``folders``, whose order is that of the entries."""
    ordered = sorted(entries) if folders else list(entries)
    seen: set[str] = set()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as tar:
        if folders:
            tar.addfile(_info(".", time, 0o755, tarfile.DIRTYPE))
        for entry in ordered:
            for parent in [*Path(entry.path).parents][-2::-1]:
                if str(parent) not in seen:
                    seen.add(str(parent))
                    tar.addfile(_info(f"./{parent}", time, 0o755, tarfile.DIRTYPE))
            info = _info(f"./{entry.path}", time, entry.mode)
            info.size = len(entry.data)
            tar.addfile(info, io.BytesIO(entry.data))
    return written.getvalue()


def _info(name: str, time: int, mode: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode, info.type = time, mode, kind
    return info


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def find_mismatch(version: str) -> str | None:
    """Why no release of OpenWrt installs what a Python builds, and what to do; None: some do.

    ``version`` is that of the Python, as ``3.11``.
    """
    if version == RELEASED:
        return None
    return (
        f"expected Python {RELEASED}, as OpenWrt 23.05 and 24.10 have it, got {version}: opkg installs these"
        f" packages only where libpython3-{version} is. Remove .venv and run make ipk PYTHON=python{RELEASED}"
    )


def main() -> int:
    """Builds OpenWrt's packages knockd and python3-structlog in build/ipk and prints their sizes."""
    argparse.ArgumentParser(prog="python -m knockd_packages.ipk", description=main.__doc__).parse_args()
    if mismatch := find_mismatch(VERSION):
        print(f"ipk: warning: {mismatch}", file=sys.stderr)
    for path in build_all(ROOT / "build/ipk", find_epoch(ROOT)):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
