"""Files that only their owner may read."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from knockd.client import private_file
from knockd.client.private_file import read_private
from knockd.client.status import CONFIG, NO_INPUT, Refused


def made(tmp_path: Path, mode: int = 0o600, name: str = "secret") -> str:
    """A file with ten bytes."""
    path = tmp_path / name
    path.write_bytes(b"0123456789")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_one_user(tmp_path: Path, mode: int) -> None:
    """Its bytes are returned, and of a large file one more than the limit."""
    path = made(tmp_path, mode)
    assert b"0123456789" == read_private(path, 100, "key file")
    assert b"01234" == read_private(path, 4, "key file")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o602, 0o644, 0o666])
def test_a_file_that_others_may_use(tmp_path: Path, mode: int) -> None:
    """It is refused, with the command that mends it."""
    path = made(tmp_path, mode, "a secret")
    with pytest.raises(Refused) as caught:
        read_private(path, 100, "key file")
    assert CONFIG == caught.value.status
    assert f"key file {path}: expected mode 0600, got {mode:04o}; others than you may use it: " in str(
        caught.value
    )
    assert str(caught.value).endswith(f"run chmod 600 '{path}'")


def test_a_system_without_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files have no modes, what is said of them is not looked at."""
    monkeypatch.setattr(private_file, "MODES", False)
    assert b"0123456789" == read_private(made(tmp_path, 0o666), 100, "key file")


@pytest.mark.parametrize(
    ("name", "reason"), [("absent", "No such file or directory"), ("", "Is a directory")]
)
def test_no_file(tmp_path: Path, name: str, reason: str) -> None:
    """The message says which file it is and why it cannot be read."""
    path = str(tmp_path / name)
    with pytest.raises(Refused) as caught:
        read_private(path, 100, "key file")
    assert (NO_INPUT, f"key file {path}: {reason}") == (caught.value.status, str(caught.value))


def test_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has read a secret leaves no core file: the limit is one byte, as with none it may be piped."""
    path = made(tmp_path)
    for most, least in ((resource.RLIM_INFINITY, 1), (0, 0)):
        said: list[tuple[int, tuple[int, int]]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _, most=most: (most, most))
        monkeypatch.setattr(resource, "setrlimit", lambda *one, said=said: said.append(one))
        read_private(path, 9, "key file")
        assert [(resource.RLIMIT_CORE, (least, most))] == said
