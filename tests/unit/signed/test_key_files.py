"""The files of signed knocks on disk: what is read, and what is refused for who can read or change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.signed.key_files import read_authorized_keys, read_knock_secret
from knockd_conf.authorized_keys import format_authorized
from knockd_conf.key_line import KeyLine
from knockd_conf.knock_secret import format_secret
from knockd_conf.ssh_keys import PublicKey

LINE = format_authorized(KeyLine(PublicKey(bytes(range(32))), "laptop"))
SECRET = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that does not exist yet, in a directory that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path / "file"


def write(path: Path, text: str, mode: int = 0o600) -> str:
    """Writes a file; its path."""
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_keys(path: Path, mode: int) -> None:
    """The keys of a file are read, and what is wrong with its lines; others may read it."""
    found = read_authorized_keys(write(path, f"{LINE}\nnonsense\n", mode))
    assert ["laptop"] == [key.comment for key in found.keys]
    assert 1 == len(found.problems)
    assert found.problems[0].startswith("line 2: ")


def test_keys_that_others_can_change(path: Path) -> None:
    """A file that others can change says nothing of who may knock."""
    with pytest.raises(PermissionError, match=f"run chmod go-w {path}"):
        read_authorized_keys(write(path, LINE, 0o664))


def test_a_secret(path: Path) -> None:
    """The secret of a file is read; a file that others can read has none."""
    text = f"# mine\n{format_secret(SECRET)}\n"
    assert SECRET == read_knock_secret(write(path, text))
    with pytest.raises(PermissionError, match=f"run chmod 600 {path}"):
        read_knock_secret(write(path, text, 0o640))


def test_no_secret(path: Path) -> None:
    """A file with something else is refused, and no message shows a line of it."""
    text = format_secret(SECRET)
    with pytest.raises(OSError, match=r"^\[Errno 22\] line 2: expected one line") as error:
        read_knock_secret(write(path, f"{text}\n{text}\n"))
    assert text not in str(error.value)


def test_no_file(path: Path) -> None:
    """A file that is not there cannot be read."""
    with pytest.raises(FileNotFoundError):
        read_authorized_keys(str(path))
    with pytest.raises(FileNotFoundError):
        read_knock_secret(str(path))
