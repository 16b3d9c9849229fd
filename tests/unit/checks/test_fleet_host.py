"""What this host has of what a fleet needs."""

from __future__ import annotations

import errno
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.checks import fleet_host as module
from knockd.checks.fleet_host import find_missing_store_package, find_unusable_files
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
    assert message.endswith(" -m pip install valkey (Debian: pip install --break-system-packages valkey)")
    assert find_missing_store_package(read(path, door)) is None


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A fleet with all its files."""
    texts = {
        "key": b64encode(bytes(32)).decode(),
        "password": "opensesame",
        "ca": "-----BEGIN CERTIFICATE-----",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    options = f"Fleet_Key = {tmp_path}/key\nFleet_Password = {tmp_path}/password\nFleet_CA = {tmp_path}/ca\n"
    text = f"[options]\nFleet = valkeys://h\n{options}[ssh]\nSequence = 1,2,3\n"
    return read(tmp_path / "knockd.conf", text)


def said(config: Config) -> list[str]:
    """The notes about files, without paths."""
    folder = config.path.removesuffix("/knockd.conf")
    return [str(note).replace(f"{folder}/", "") for note in find_unusable_files(config)]


def test_good_files(config: Config) -> None:
    """There is nothing to say."""
    assert [] == said(config)


def test_files_that_cannot_be_used(config: Config, tmp_path: Path) -> None:
    """Each is named with its key, and no note shows a line of it."""
    (tmp_path / "key").write_text("opensesame\n")
    (tmp_path / "password").chmod(0o640)
    (tmp_path / "ca").write_text("none\n")
    assert [
        "knockd.conf:3: Fleet_Key: key: line 1: expected base64 of 32 bytes:"
        " 'knockctl keygen --fleet' makes one: the fleet has no store",
        "knockd.conf:4: Fleet_Password: password: others than its owner may use it (mode 0640), run chmod"
        " 600 password: the fleet has no store",
        "knockd.conf:5: Fleet_CA: ca: expected certificates in PEM, got none: the fleet has no store",
    ] == said(config)


def test_a_key_that_is_missing(config: Config, tmp_path: Path) -> None:
    """The note has the command that makes it; a missing password is only named."""
    (tmp_path / "key").unlink()
    (tmp_path / "password").unlink()
    assert [
        "knockd.conf:3: Fleet_Key: key: No such file or directory, make it with"
        " 'knockctl keygen --fleet key': the fleet has no store",
        "knockd.conf:4: Fleet_Password: password: No such file or directory: the fleet has no store",
    ] == said(config)


def test_who_is_not_root(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read a file is told that root may."""
    denied = PermissionError(errno.EACCES, "key: Permission denied")
    monkeypatch.setattr(module, "find_unusable", lambda *_: [("fleet_key", denied)])
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    expected = "knockd.conf:3: Fleet_Key: key: Permission denied to who is not root: the fleet has no store"
    assert [expected] == said(config)


def test_nothing_is_read_that_is_not_needed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where there is no fleet, nor of another host."""
    monkeypatch.setattr(module, "find_unusable", None)
    assert [] == said(replace(config, options=replace(config.options, fleet=())))
    assert [] == said(replace(config, host="elsewhere.example"))
