"""Which profile's signed knock is tried at a door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from knockd.client.plan import Signed
from knockd.doctor.signed_profile import find_signed
from tests.support.doubles.signed_replays import PORT, SSH

TEXT = f"""\
[other-door]
host = a
signed = {PORT}
secret = a.secret
door = web

[other-port]
host = a
signed = 4711
secret = a.secret
door = ssh

[wrong]
host = a
signed = {PORT}
door = ssh

[home]
host = a
signed = {PORT}
secret = home.secret
door = ssh
identity = /id
verify = 22
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of profiles, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "knock").mkdir()
    return tmp_path / "knock" / "config"


def test_found(path: Path) -> None:
    """It has the door's name and port, and can be used."""
    path.write_text(TEXT)
    assert Signed(PORT, f"{path.parent}/home.secret", "ssh", "/id") == find_signed(SSH)


@pytest.mark.parametrize("text", [None, "", TEXT])
def test_none(path: Path, text: str | None) -> None:
    """Where there is none, the file and what was looked for are named."""
    if text is not None:
        path.write_text(text)
    found = find_signed(replace(SSH, name="cellar"))
    assert f"no profile in {path} has signed = {PORT} and door = cellar ('knock --import' makes one)" == found


def test_unreadable(path: Path) -> None:
    """Why the file cannot be read is said."""
    path.mkdir()
    assert f"profiles {path}: Is a directory" == find_signed(SSH)
