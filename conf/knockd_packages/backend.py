"""The build backend (PEP 517): setuptools, made to give the same bytes for the same files, whoever builds.

Wheels are built from a copy with fixed modes and dates, so nothing of an older build gets in. The sdist holds
every file of the checkout. The date is SOURCE_DATE_EPOCH, else the version's in CHANGELOG.md.

World: files of the checkout, git.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
)

from knockd_packages.version import find_epoch

__all__ = (
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
)

Settings = Mapping[str, Any] | None


METADATA = "PKG-INFO"
"""The file that an sdist has and a checkout has not."""


def list_sources(root: Path) -> list[str]:
    """Each file of the checkout, or of an unpacked sdist, that git would not ignore; sorted."""
    if (root / ".git").exists():
        command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
        return sorted({name for name in listed.split("\0") if name and (root / name).is_file()})
    # Without git: an unpacked sdist. The ignored names of this project are plain ones.
    ignored = [line.rstrip("/") for line in (root / ".gitignore").read_text().splitlines()]
    found = []
    for folder, folders, files in os.walk(root):
        kept = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        folders[:] = kept
        found += [str(Path(folder, name).relative_to(root)) for name in files]
    return sorted(name for name in found if name != METADATA)


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Builds the wheel into a folder; its name."""
    target = os.path.abspath(wheel_directory)
    metadata = metadata_directory and os.path.abspath(metadata_directory)
    with _copied():
        name: str = build_meta.build_wheel(target, config_settings, metadata)
    return name


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Writes the wheel's metadata into a folder; the name of the folder there."""
    target = os.path.abspath(metadata_directory)
    with _copied():
        name: str = build_meta.prepare_metadata_for_build_wheel(target, config_settings)
    return name


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Builds the sdist into a folder; its name."""
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        name = prepare_metadata_for_build_wheel(folder, config_settings)
        metadata = Path(folder, name, "METADATA").read_bytes()
    stem = f"knockd-{message_from_bytes(metadata)['Version']}"
    epoch = find_epoch(root)
    target = Path(sdist_directory, f"{stem}.tar.gz")
    with (
        target.open("wb") as file,
        # Its name in the header would be that of the folder that was chosen.
        gzip.GzipFile("", "wb", 9, file, mtime=epoch) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for source in list_sources(root):
            _add(tar, f"{stem}/{source}", (root / source).read_bytes(), _mode_of(root / source), epoch)
        _add(tar, f"{stem}/{METADATA}", metadata, 0o644, epoch)
    return target.name


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int, epoch: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), mode, epoch
    tar.addfile(member, io.BytesIO(data))


def _mode_of(path: Path) -> int:
    """The mode whatever the umask of the checkout was."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


@contextlib.contextmanager
def _copied() -> Iterator[None]:
    """The working directory is a copy of the checkout, and SOURCE_DATE_EPOCH is set."""
    root = Path.cwd()
    before = os.environ.get("SOURCE_DATE_EPOCH")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in list_sources(root):
            copy = Path(folder, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, copy)
            copy.chmod(_mode_of(root / name))
        os.environ["SOURCE_DATE_EPOCH"] = str(find_epoch(root))
        try:
            with contextlib.chdir(folder):
                yield
        finally:
            del os.environ["SOURCE_DATE_EPOCH"]
            if before is not None:
                os.environ["SOURCE_DATE_EPOCH"] = before
