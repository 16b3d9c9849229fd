"""Runs tests (by default the unit tests) against the wheel that users install, where the source is not.

``python -m tests.support.lab.wheel FOLDER [TESTS ...]`` builds the wheel and unpacks it there; with
``--installed`` the packages of the running Python are tested (tox has installed the wheel).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("knockd", "bpf/knockd_bpf", "conf/knockd_conf")
SHIPPED = (".py", ".html", ".css")
"""Files that a wheel must have."""

KEPT = (
    "tests",
    "conf",
    "bpf",
    "docs",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
)
"""What tests read beside the packages: themselves, examples, golden cases, pages."""

NOT_FOR_WHEELS = tuple(
    f"tests/project/test_{name}.py" for name in ("walls", "mirror", "pages", "clocks", "extras")
)
"""Tests about the source tree itself."""

HIDDEN = """
import knockd, knockd_bpf, knockd_conf, pathlib, sys
for module, source in zip((knockd, knockd_bpf, knockd_conf), sys.argv[1:], strict=True):
    if pathlib.Path(module.__file__).parent == pathlib.Path(source):
        sys.exit(f"{module.__file__} is the source, not the wheel")
"""
"""Ends with an error when the packages that get imported are those of the source tree."""


def unpack_wheel(site: Path) -> None:
    """Build the wheel as pip does, and unpack it into ``site``."""
    wheels = site.with_name("wheels")
    pip = (sys.executable, "-m", "pip", "-qq")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    # An editable install would be asked for what is not in the wheel, and have it.
    left_out = [
        str(path.relative_to(ROOT))
        for source in SOURCES
        for path in (ROOT / source).rglob("*")
        if path.suffix in SHIPPED and not (site / path.relative_to((ROOT / source).parent)).exists()
    ]
    if left_out:
        sys.exit(f"not in the wheel, see packages and package_data in setup.cfg: {', '.join(left_out)}")


def copy_tests(folder: Path) -> None:
    """Copy tests and what they read into ``folder``, without the packages."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "knockd_bpf", "knockd_conf")
    for name in KEPT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    for name in NOT_FOR_WHEELS:
        (folder / name).unlink()


def main() -> int:
    """Build, hide and run; pytest's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tests", nargs="*", default=["tests/unit", "tests/project"])
    parser.add_argument("--installed", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    tests = folder / "tree"
    tests.mkdir(parents=True)
    environment = dict(os.environ)
    if not arguments.installed:
        unpack_wheel(folder / "site")
        environment["PYTHONPATH"] = str(folder / "site")
    copy_tests(tests)
    python = (sys.executable, "-P")
    sources = [ROOT / source for source in SOURCES]
    subprocess.run([*python, "-c", HIDDEN, *sources], cwd=tests, env=environment, check=True)
    options = ("-q", "-p", "no:cacheprovider", "-n", str(os.cpu_count()))
    command = [*python, "-m", "pytest", *options, *arguments.tests]
    return subprocess.run(command, cwd=tests, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
