"""Files that are made whole or not at all, and never in place of another."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from knockd.init.new_files import NewFile, ThereError, find_obstacle, write_new


def names(folder: Path) -> list[str]:
    """All that is in a directory and below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: int, *, after: int = 0) -> None:
    """Makes a function of os fail, ``after`` so many calls that work."""
    real, calls = getattr(os, name), iter(range(1_000))

    def fail(*arguments: object, **keywords: object) -> object:
        if next(calls) < after:
            return real(*arguments, **keywords)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, name, fail)


def test_two_files(tmp_path: Path) -> None:
    """Both are there with mode 600, whatever the umask, and the folder of the first with 700."""
    key, config = tmp_path / "knockd" / "ssh.key", tmp_path / "knockd.conf"
    before = os.umask(0)
    try:
        write_new([NewFile(str(key), b"key\n", folder=True), NewFile(str(config), b"text\n")])
    finally:
        os.umask(before)
    assert b"key\n" == key.read_bytes()
    assert b"text\n" == config.read_bytes()
    assert [0o600, 0o600, 0o700] == [stat.S_IMODE(path.stat().st_mode) for path in (key, config, key.parent)]
    assert ["knockd", "knockd.conf", "knockd/ssh.key"] == names(tmp_path)
    assert 1 == config.stat().st_nlink


def test_each_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced before it has its name, and its directory after."""
    order: list[str] = []
    sync, link = os.fsync, os.link

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("folder" if is_folder else f"file of {os.fstat(descriptor).st_size}")
        sync(descriptor)

    def note_link(*arguments: Any, **keywords: Any) -> None:
        order.append("name")
        link(*arguments, **keywords)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "link", note_link)
    write_new([NewFile(str(tmp_path / "a"), b"text")])
    assert ["file of 4", "name", "folder"] == order


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_there_stays(tmp_path: Path, kind: str) -> None:
    """Nothing of that name is touched, and nothing else is written; a link that leads nowhere counts too."""
    path = tmp_path / "knockd.conf"
    if kind == "file":
        path.write_text("mine")
    elif kind == "link":
        path.symlink_to(tmp_path / "gone")
    else:
        path.mkdir()
    before = path.lstat()
    with pytest.raises(ThereError, match=r"knockd\.conf"):
        write_new([NewFile(str(tmp_path / "k" / "ssh.key"), b"key", folder=True), NewFile(str(path), b"x")])
    assert before.st_ino == path.lstat().st_ino
    assert ["knockd.conf"] == names(tmp_path)


def test_one_that_comes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody makes while ours is written stays, too, and the key is taken away again."""
    key, config = tmp_path / "ssh.key", tmp_path / "knockd.conf"
    link = os.link

    def link_later(source: str, name: str, **keywords: Any) -> None:
        if name == "knockd.conf":
            config.write_text("mine")
        link(source, name, **keywords)

    monkeypatch.setattr(os, "link", link_later)
    with pytest.raises(ThereError):
        write_new([NewFile(str(key), b"key"), NewFile(str(config), b"x")])
    assert "mine" == config.read_text()
    assert ["knockd.conf"] == names(tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "after"),
    [
        ("write", errno.ENOSPC, 0),
        ("write", errno.ENOSPC, 1),
        ("fsync", errno.EIO, 0),
        ("fsync", errno.EIO, 1),
        ("fsync", errno.EIO, 2),
        ("fsync", errno.EIO, 3),
        ("fsync", errno.EIO, 4),
        ("link", errno.EPERM, 0),
        ("link", errno.EPERM, 1),
    ],
)
def test_whatever_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: int, after: int
) -> None:
    """When anything fails nothing is left: no file, no key, no folder that was made for it."""
    failing(monkeypatch, name, error, after=after)
    key, config = tmp_path / "knockd" / "ssh.key", tmp_path / "knockd.conf"
    with pytest.raises(OSError, match=os.strerror(error)):
        write_new([NewFile(str(key), b"key", folder=True), NewFile(str(config), b"text")])
    assert [] == names(tmp_path)


def test_a_folder_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was there before stays, with its mode."""
    (tmp_path / "knockd").mkdir(mode=0o755)
    failing(monkeypatch, "write", errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        write_new([NewFile(str(tmp_path / "knockd" / "ssh.key"), b"key", folder=True)])
    assert ["knockd"] == names(tmp_path)
    assert 0o755 == stat.S_IMODE((tmp_path / "knockd").stat().st_mode)


def test_bytes_that_are_taken_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is whole also where the kernel takes few bytes at a time."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:3])))
    write_new([NewFile(str(tmp_path / "a"), b"0123456789")])
    assert b"0123456789" == (tmp_path / "a").read_bytes()


def test_left_by_a_process_that_was_killed(tmp_path: Path) -> None:
    """What a process with this number has left does not stop another."""
    (tmp_path / f".a.{os.getpid()}").write_text("half")
    write_new([NewFile(str(tmp_path / "a"), b"whole")])
    assert ["a"] == names(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    """A folder of a configuration is not made: it may be a typing error; the error has the path."""
    path = str(tmp_path / "none" / "knockd.conf")
    with pytest.raises(FileNotFoundError) as error:
        write_new([NewFile(path, b"x")])
    assert path == error.value.filename


def test_a_folder_that_others_can_write(tmp_path: Path) -> None:
    """Where others could put another file in its place nothing is written, for the daemon would refuse it."""
    if os.geteuid():
        pytest.skip("only root's files hold root's commands")
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="only its owner can write") as error:
        write_new([NewFile(str(folder / "knockd.conf"), b"x")])
    assert str(folder) == error.value.filename
    assert [] == names(folder)


def test_obstacle(tmp_path: Path) -> None:
    """A path is free until something has its name."""
    find_obstacle(str(tmp_path / "a"))
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(ThereError):
        find_obstacle(str(tmp_path / "a"))


def test_a_key_is_not_shown() -> None:
    """What a file holds is in no traceback."""
    assert "NewFile('/etc/knockd/ssh.key')" == repr(NewFile("/etc/knockd/ssh.key", b"secret"))
