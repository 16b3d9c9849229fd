"""The files with secrets of a first door."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.init.new_files import write_new
from knockd.init.secret_files import make_key_file, make_secret_file
from knockd_conf.key_file import parse_keys
from knockd_conf.knock_secret import parse_secret


@pytest.mark.parametrize(
    ("user", "name"), [("alice", "alice"), (None, "owner"), ("no name", "owner"), ("", "owner")]
)
def test_keys(monkeypatch: pytest.MonkeyPatch, user: str | None, name: str) -> None:
    """A key is another one each time, and its owner is who has become root."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    if user is not None:
        monkeypatch.setenv("SUDO_USER", user)
    some, other = (parse_keys(make_key_file("/k").data).keys[0] for _ in range(2))
    assert name == some.name == other.name
    assert some.key != other.key


def test_a_new_secret(tmp_path: Path) -> None:
    """It is another one each time, in a directory that is made."""
    path = str(tmp_path / "knockd" / "knock_secret")
    some, other = make_secret_file(path), make_secret_file(path)
    assert some is not None
    assert other is not None
    assert parse_secret(some.data) != parse_secret(other.data)
    assert some.folder
    write_new([some])
    assert some.data == (tmp_path / "knockd" / "knock_secret").read_bytes()


def test_a_secret_that_is_there(tmp_path: Path) -> None:
    """It is kept, as clients have it; one that cannot be used is an error that says why."""
    path = tmp_path / "knock_secret"
    made = make_secret_file(str(path))
    assert made is not None
    write_new([made])
    assert make_secret_file(str(path)) is None
    path.chmod(0o644)
    with pytest.raises(OSError, match="others than its owner may use it"):
        make_secret_file(str(path))
    path.chmod(0o600)
    path.write_text("hello")
    with pytest.raises(OSError, match="line 1: expected base64 of 32 bytes"):
        make_secret_file(str(path))
