"""What this host has of what signed knocks need."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.checks import signed_host as module
from knockd.checks.signed_host import current_signed, find_missing_package
from knockd.checks.signed_keys import SignedFiles
from knockd.signed.known_keys import CROWDED
from knockd_conf.authorized_keys import MAX_KEYS, AuthorizedFile
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.knock_secret import format_secret
from knockd_conf.load import load
from knockd_conf.model import Config
from knockd_conf.ssh_keys import PublicKey


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A door of signed knocks with its files."""
    secret, keys, path = (tmp_path / name for name in ("secret", "keys", "knockd.conf"))
    secret.write_text(format_secret(bytes(32)) + "\n")
    keys.write_text(format_key_line(KeyLine(PublicKey(bytes(32)), "ann")) + "\n")
    path.write_text(
        f"[options]\nSigned_Port = 47811\nKnock_Secret = {secret}\nAuthorized_Keys = {keys}\n"
        "[ssh]\nCommand = x\n"
    )
    for one in (secret, keys, path):
        one.chmod(0o600)
    return load(str(path))


def test_good(config: Config, tmp_path: Path) -> None:
    """The keys, and the time that their ends are held to."""
    found = current_signed(config)
    assert found is not None
    assert "" == found.secret
    file = found.keys[str(tmp_path / "keys")]
    assert isinstance(file, AuthorizedFile)
    assert ["ann"] == [key.comment for key in file.keys]
    assert 0 <= time.time() - found.now < 60


def test_files_that_cannot_be_used(config: Config, tmp_path: Path) -> None:
    """The reason of each, with what to run."""
    (tmp_path / "secret").chmod(0o644)
    (tmp_path / "keys").chmod(0o666)
    found = current_signed(config)
    assert found is not None
    secret, keys = tmp_path / "secret", tmp_path / "keys"
    assert f"others than its owner may use it (mode 0644), run chmod 600 {secret}" == found.secret
    assert {
        str(keys): f"others than its owner may change it (mode 0666), run chmod go-w {keys}"
    } == found.keys


def test_more_keys_than_are_taken(config: Config, tmp_path: Path) -> None:
    """The file with which they become too many counts as it does for the daemon, the others as they are."""
    lines = [format_key_line(KeyLine(PublicKey(n.to_bytes(32, "big")))) for n in range(MAX_KEYS)]
    names = ("keys", "more", "last")
    for name, some in zip(names, (lines[:-1], lines[:2], lines[:1]), strict=True):
        (tmp_path / name).write_text("\n".join(some))
        (tmp_path / name).chmod(0o600)
    doors = tuple(replace(config.doors[0], authorized_keys=str(tmp_path / name)) for name in names)
    found = current_signed(replace(config, doors=doors))
    assert found is not None
    keys, more, last = found.keys.values()
    assert isinstance(keys, AuthorizedFile)
    assert isinstance(last, AuthorizedFile)
    assert MAX_KEYS == len(keys.keys) + len(last.keys)
    assert CROWDED == more


def test_who_is_not_root(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read a file is told that root may."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "read_knock_secret", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    found = current_signed(config)
    assert found is not None
    assert "Permission denied to who is not root" == found.secret


def test_nothing_is_read_that_is_not_needed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where no door has signed knocks, nor of another host."""
    monkeypatch.setattr(module, "read_knock_secret", None)
    monkeypatch.setattr(module, "read_authorized_keys", None)
    without = replace(config, doors=tuple(replace(door, signed_port=0) for door in config.doors))
    assert SignedFiles() == current_signed(without)
    assert current_signed(replace(config, host="elsewhere.example")) is None


def test_without_pynacl(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a door needs it, the message has the names of its packages."""
    assert find_missing_package(config) is None
    monkeypatch.setattr(module, "explain_missing", lambda: "expected PyNaCl, got none")
    assert f"{config.path}:5: [ssh]: expected PyNaCl, got none" == str(find_missing_package(config))
    without = replace(config, doors=tuple(replace(door, signed_port=0) for door in config.doors))
    assert find_missing_package(without) is None
