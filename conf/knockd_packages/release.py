"""``python -m knockd_packages.release`` (``make release``): build/release/VERSION with all of a release.

Wheel, sdist, packages for Debian and OpenWrt, the list of components (SBOM), checksums. What is there already
is never replaced by other bytes: a version that somebody has may mean one thing only. The list of components
is kept when it is there: pip may find other versions by now.

World: files of the checkout, git, what builds the packages.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from knockd_packages import deb, ipk
from knockd_packages.distributions import build, list_components
from knockd_packages.file_list import ROOT
from knockd_packages.version import find_date, find_epoch, read_version

OUT = ROOT / "build/release"
"""Has a folder for each version."""

SUMS = "SHA256SUMS"
OTHERS = "Raise the version; or DEBFULLNAME and DEBEMAIL, or the Python, are others than at the first run"


def find_obstacles(root: Path) -> Iterator[str]:
    """What keeps a checkout from being released, each with what to do."""
    command = ("git", "-C", str(root), "status", "--porcelain")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"{root}: expected a checkout of git, got none ({done.stderr.strip()})"
    elif done.stdout:
        changed = " ".join(line[3:] for line in done.stdout.splitlines())
        yield f"expected all changes to be committed, got others ({changed}): commit or undo them"
    version = read_version(root)
    if find_date(root, version) is None:
        yield (
            f"CHANGELOG.md: expected a section '## [{version}] - YYYY-MM-DD', got none:"
            " give what is under Unreleased this heading"
        )


def build_all(folder: Path, out: Path) -> list[Path]:
    """Builds everything but the checksums below ``folder``; the files. ``out``: where those of before are."""
    wheel = build("wheel", folder / "wheel")
    files = [wheel, build("sdist", folder / "sdist"), find_components(wheel, folder, out)]
    (folder / "deb").mkdir()
    files += [one for one in deb.build_knockd(folder / "deb") if one.suffix == ".deb"]
    files += [one for one in deb.build_pcapy(folder / "deb") if one.suffix == ".deb"]
    return files + ipk.build_all(folder / "ipk", find_epoch(ROOT))


def find_components(wheel: Path, folder: Path, out: Path) -> Path:
    """Copies this version's list of components from ``out`` into ``folder``; else makes one."""
    there = out / f"knockd-{read_version(ROOT)}.cdx.json"
    return Path(shutil.copy(there, folder)) if there.exists() else list_components(wheel, folder)


def format_sums(files: Iterable[Path]) -> str:
    """Lines for ``sha256sum -c``, sorted by name."""
    ordered = sorted(files, key=lambda path: path.name)
    return "".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in ordered)


def put(files: Iterable[Path], folder: Path) -> list[str]:
    """Copies files into ``folder``; if some are there with other bytes none, and returns those."""
    files = list(files)
    there = [(path, folder / path.name) for path in files]
    others = [path.name for path, old in there if old.exists() and old.read_bytes() != path.read_bytes()]
    if not others:
        folder.mkdir(parents=True, exist_ok=True)
        for path, new in there:
            shutil.copyfile(path, new)
    return others


def main() -> int:
    """Builds a release and prints its files; exit status 1 where something keeps it from being one."""
    argparse.ArgumentParser(prog="python -m knockd_packages.release", description=main.__doc__).parse_args()
    obstacles = list(find_obstacles(ROOT))
    if obstacles:
        print("\n".join(f"release: {one}" for one in obstacles), file=sys.stderr)
        return 1
    if mismatch := ipk.find_mismatch(ipk.VERSION):
        print(f"release: warning: {mismatch}", file=sys.stderr)
    if deb.find_maintainer() == deb.PLACEHOLDER:
        print(f"release: the maintainer is {deb.PLACEHOLDER}; DEBFULLNAME and DEBEMAIL name another one")
    os.environ["SOURCE_DATE_EPOCH"] = str(find_epoch(ROOT))
    out = OUT / read_version(ROOT)
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        files = build_all(Path(folder), out)
        sums = Path(folder, SUMS)
        sums.write_text(format_sums(files))
        if others := put([*files, sums], out):
            names = " ".join(others)
            print(f"release: {out} has these with other bytes: {names}. {OTHERS}", file=sys.stderr)
            return 1
    print(*(f"{path.stat().st_size:9,} {path}" for path in sorted(out.iterdir())), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
