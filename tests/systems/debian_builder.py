"""Builds the Debian packages for a release: in a root of it with its own tools, or here where it runs."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

from knockd_packages.deb import build_knockd, build_pcapy, download_pcapy
from knockd_packages.version import find_epoch
from tests.support.lab.debian import make_root

ROOT = Path(__file__).resolve().parents[2]

TOOLS = (
    *("debhelper", "dh-python", "dh-apparmor", "libpcap-dev", "pybuild-plugin-pyproject"),
    *("python3-all", "python3-dev", "python3-setuptools", "python3-wheel"),
)

SCRIPT = """
set -e
root=$1 source=$2 out=$3 epoch=$4
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/written /mnt/work /mnt/system
mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/written,workdir=/mnt/work" /mnt/system
mkdir /mnt/system/source /mnt/system/out
mount --bind "$source" /mnt/system/source
mount --bind "$out" /mnt/system/out
mount -t proc proc /mnt/system/proc
cd /mnt/system
run() {
    chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SOURCE_DATE_EPOCH="$epoch" \\
        PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/source:/source/conf python3 -m knockd_packages.deb "$@"
}
run --out /out
"""


def build_packages(suite: str) -> tuple[list[Path], list[Path]]:
    """Builds the packages for a release, and knockd once more as the next version."""
    out = Path("/var/tmp") / f"knockd-deb-{suite}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    download_pcapy(out)
    if platform.freedesktop_os_release().get("VERSION_CODENAME") == suite:
        build_knockd(out)
        build_pcapy(out)
    else:
        _build_in_root(make_root(suite, "buildd", TOOLS), out)
    return sorted(out.glob("*.deb")), [make_later(out)]


def make_later(out: Path) -> Path:
    """The same package with ``+1`` behind its version."""
    (deb,) = out.glob("knockd_*_all.deb")
    shutil.rmtree(out / "later", ignore_errors=True)
    (out / "later").mkdir()
    later = out / "later" / deb.name.replace("_all", "+1_all")
    tree = out / "later" / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+1", control.read_text()))
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(later)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return later


def _build_in_root(root: Path, out: Path) -> None:
    spaces = ("unshare", "--mount", "--fork", "--pid", "--kill-child")
    command = [
        *spaces,
        "sh",
        "-c",
        SCRIPT,
        "sh",
        str(root),
        str(ROOT),
        str(out),
        str(find_epoch(ROOT)),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
