"""What this host has of what a fleet needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from knockd.checks.fleet_host import find_missing_store_package
from knockd_conf.load import load
from knockd_conf.model import Config


def read(path: Path, text: str) -> Config:
    """The configuration of a text."""
    path.write_text(text)
    path.chmod(0o600)
    return load(str(path))


def test_without_valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a Fleet, the message has the names of the package; elsewhere it is not needed."""
    path = tmp_path / "knockd.conf"
    door = "[ssh]\nSequence = 1,2,3\nCommand = x\n"
    fleet = f"[options]\nFleet_Key = /k\nFleet = valkey://h\n{door}"
    assert find_missing_store_package(read(path, fleet)) is None
    monkeypatch.setitem(sys.modules, "valkey", None)
    message = str(find_missing_store_package(read(path, fleet)))
    assert message.startswith(f"{path}:3: Fleet: expected the Python package valkey, got none: install it: ")
    assert message.endswith(
        " -m pip install 'knockd[fleet]' (Debian: pip install --break-system-packages valkey)"
    )
    assert find_missing_store_package(read(path, door)) is None
