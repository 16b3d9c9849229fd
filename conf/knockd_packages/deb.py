"""``python -m knockd_packages.deb`` (``make deb``): the Debian packages, in build/deb.

knockd is for every architecture. python3-pcapy-ng, which Debian has not, is built of its source distribution
for the Python of the machine that builds; ``--without-pcapy`` leaves it out. The maintainer is the one of
DEBFULLNAME and DEBEMAIL, Debian's own variables. Imports the standard library alone.

World: files in build/, dpkg-buildpackage, pip, os-release.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from email.utils import formatdate, parseaddr
from hashlib import sha256
from pathlib import Path

from knockd_packages.file_list import ROOT
from knockd_packages.tree import copy_tree, set_times
from knockd_packages.version import find_epoch, read_version

PLACEHOLDER = "knockd maintainers <maintainers@knockd.invalid>"
"""The maintainer of a package that is built by nobody in particular."""

PCAPY = "2.1.0"
PCAPY_HASH = "732f2ef22f7f16726c49d35516df93f2a4120a4cb207a1d0140818aa30f57d8c"
"""SHA-256 of PyPI's source distribution of that version."""

_CHANGELOG = """{source} ({version}) unstable; urgency=medium

  * {what}

 -- {maintainer}  {date}
"""
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEB_BUILD_OPTIONS": "nocheck noautodbgsym",
}
"""Debian's own Python builds, whatever environment is active here."""


def build_knockd(out: Path) -> list[Path]:
    """Builds knockd into ``out``; returns .deb, .buildinfo and .changes."""
    version = read_version(ROOT)
    epoch = find_epoch(ROOT)
    tree = out / f"knockd-{version}"
    shutil.rmtree(tree, ignore_errors=True)
    copy_tree(tree, epoch)
    what = f"Version {version}. What has changed is in /usr/share/doc/knockd/changelog.gz."
    return _build(tree, "conf/debian", "knockd", version, what, epoch)


def build_pcapy(out: Path) -> list[Path]:
    """Builds python3-pcapy-ng into ``out``, for this architecture and its Python; the files as above."""
    epoch = find_epoch(ROOT)
    tree = out / f"pcapy-ng-{PCAPY}"
    shutil.rmtree(tree, ignore_errors=True)
    unpack(download_pcapy(out), out)
    (out / f"pcapy_ng-{PCAPY}").rename(tree)
    what = "Built of the source distribution on PyPI, for knockd."
    version = f"{PCAPY}+knockd1{format_suffix(read_release())}"
    return _build(tree, "conf/debian-pcapy", "pcapy-ng", version, what, epoch)


def read_release() -> Mapping[str, str]:
    """The fields of os-release; none where it has no such file."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def format_suffix(release: Mapping[str, str]) -> str:
    """``~deb12`` where os-release says Debian 12; empty where it says another system, or no number.

    What is built for one Python is no other's; a later release of Debian has a higher version.
    """
    number = release.get("VERSION_ID", "") if release.get("ID") == "debian" else ""
    return f"~deb{number}" if number else ""


def find_maintainer() -> str:
    """The maintainer that DEBFULLNAME and DEBEMAIL name together, else PLACEHOLDER."""
    name, (_, address) = os.environ.get("DEBFULLNAME"), parseaddr(os.environ.get("DEBEMAIL", ""))
    return f"{name} <{address}>" if name and address else PLACEHOLDER


def download_pcapy(out: Path) -> Path:
    """The source distribution of pcapy-ng in ``out``, with the hash that is expected. Raises SystemExit.

    pip is that of a venv made for it: Debian's Python has none without python3-pip.
    """
    there = out / f"pcapy_ng-{PCAPY}.tar.gz"
    if there.exists():
        if sha256(there.read_bytes()).hexdigest() != PCAPY_HASH:
            raise SystemExit(f"{there}: expected the SHA-256 {PCAPY_HASH}, got another: remove it")
        return there
    wanted = out / "pcapy.txt"
    wanted.write_text(f"pcapy-ng=={PCAPY} --hash=sha256:{PCAPY_HASH}\n")
    options = ("--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", str(out))
    with tempfile.TemporaryDirectory(dir=out) as venv:
        make = (sys.executable, "-m", "venv", venv)
        download = (f"{venv}/bin/python", "-m", "pip", "download", *options, "-r", str(wanted))
        done = all(subprocess.run(command, check=False).returncode == 0 for command in (make, download))
    if not done:
        raise SystemExit(
            f"the source distribution of pcapy-ng {PCAPY} could not be downloaded: put it at {there},"
            " or build without it, since knockd captures by itself, too:"
            f" PYTHONPATH=conf {sys.executable} -m knockd_packages.deb --without-pcapy"
        )
    return there


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a tar file into ``folder``; all of it belongs to who runs this."""
    # Not tarfile: that of Debian 12 has no filter, so root would leave the files to who packed them.
    subprocess.run(("tar", "--no-same-owner", "-C", str(folder), "-xf", str(archive)), check=True)


def _build(tree: Path, recipe: str, source: str, version: str, what: str, epoch: int) -> list[Path]:
    debian = tree / "debian"
    shutil.copytree(ROOT / recipe, debian)
    maintainer = find_maintainer()
    text = _CHANGELOG.format(
        source=source, version=version, what=what, maintainer=maintainer, date=formatdate(epoch)
    )
    (debian / "changelog").write_text(text, encoding="utf-8")
    control = debian / "control"
    control.write_text(control.read_text().replace(PLACEHOLDER, maintainer), encoding="utf-8")
    set_times(tree, epoch)
    environment = {**_ENVIRONMENT, "SOURCE_DATE_EPOCH": str(epoch), "HOME": str(tree.parent)}
    command = ["dpkg-buildpackage", "--build=binary", "--no-sign"]
    log = tree.parent / f"{tree.name}.log"
    with log.open("wb") as file:
        done = subprocess.run(command, cwd=tree, env=environment, stdout=file, stderr=file, check=False)
    if done.returncode:
        print(log.read_text()[-4000:], file=sys.stderr)
        raise SystemExit(f"{' '.join(command)} failed with status {done.returncode}; all it said is in {log}")
    shutil.rmtree(tree)
    return sorted(one for one in tree.parent.glob(f"*_{version}_*") if one.suffix != ".log")


def remove_older(out: Path, built: Iterable[Path]) -> None:
    """Removes what earlier builds left in ``out``: apt is given all packages that are there."""
    ours = re.compile(r"(knockd|(python3-)?pcapy-ng)_.*\.(deb|changes|buildinfo)")
    for path in set(out.iterdir()) - set(built):
        if ours.fullmatch(path.name):
            path.unlink()


def main() -> int:
    """Builds both packages and prints their files; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m knockd_packages.deb", description=main.__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "build/deb",
        metavar="FOLDER",
        help="where to; older packages of ours there are removed; default: build/deb",
    )
    parser.add_argument("--without-pcapy", action="store_true", help="build knockd alone")
    arguments = parser.parse_args()
    if shutil.which("dpkg-buildpackage", path=os.environ.get("PATH")) is None:
        print("dpkg-buildpackage is missing: apt-get install dpkg-dev", file=sys.stderr)
        return 1
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    files = build_knockd(out)
    if not arguments.without_pcapy:
        files += build_pcapy(out)
    remove_older(out, files)
    for one in files:
        print(f"{one.stat().st_size:9,} {one}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
