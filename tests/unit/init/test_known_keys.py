"""SSH keys with which their owners log in."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from knockd.init.known_keys import find_known_keys
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.ssh_keys import PublicKey


def line_of(number: int, comment: str) -> str:
    """A line of a key of its own."""
    return format_key_line(KeyLine(PublicKey(bytes([number]) * 32), comment))


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Alice, who has become root, and root have homes."""

    def look_up(name: str) -> SimpleNamespace:
        if name not in ("alice", "root"):
            raise KeyError(name)
        return SimpleNamespace(pw_dir=str(tmp_path / name))

    monkeypatch.setattr(pwd, "getpwnam", look_up)
    monkeypatch.setenv("SUDO_USER", "alice")
    for name in ("alice", "root"):
        (tmp_path / name / ".ssh").mkdir(parents=True)
    return tmp_path


def write(homes: Path, user: str, *lines: str) -> Path:
    """Writes a user's file."""
    path = homes / user / ".ssh" / "authorized_keys"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_of_who_has_become_root(homes: Path) -> None:
    """Her keys are proposed, as plain lines; other types and lines with options are not."""
    write(
        homes,
        "alice",
        line_of(1, "alice@laptop"),
        "ssh-rsa AAAA old",
        f'command="backup" {line_of(2, "backup")}',
        f'from="192.0.2.1" {line_of(3, "host")}',
        line_of(4, "phone"),
    )
    write(homes, "root", line_of(5, "root@x"))
    assert (line_of(1, "alice@laptop"), line_of(4, "phone")) == find_known_keys()


@pytest.mark.parametrize("user", ["alice", "nobody.here", ""])
def test_of_root(homes: Path, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    """Where she has none, or there is nobody else, they are root's."""
    monkeypatch.setenv("SUDO_USER", user)
    write(homes, "root", line_of(5, "root@x"))
    assert (line_of(5, "root@x"),) == find_known_keys()


def test_none(homes: Path) -> None:
    """No file, or something else in its place, means no key."""
    assert () == find_known_keys()
    os.mkfifo(homes / "root" / ".ssh" / "authorized_keys")
    (homes / "alice" / ".ssh" / "authorized_keys").mkdir()
    assert () == find_known_keys()
