"""``data_files`` of setup.cfg, which setuptools wants spelled out."""

from __future__ import annotations

from pathlib import PurePath

from knockd_packages.file_list import System, files_of, read_setup


def test_data_files() -> None:
    """They are what the list of files has for a wheel."""
    folders = read_setup()["options.data_files"].items()
    found = {f"usr/{folder}/{PurePath(one).name}": one for folder, names in folders for one in names.split()}
    assert found == {one.destination: one.source for one in files_of(System.WHEEL)}
