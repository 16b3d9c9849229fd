"""Files with secrets: made and changed as a whole, and only where nobody else can use them."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.files.secret_file import MAX_SIZE, change_public, change_secret, make_folder
from knockd_conf.trust import TrustPolicy
from tests.support.lab.other_user import STRANGER, give_away


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that does not exist yet, in a directory that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path / "keys"


def append(text: bytes) -> Callable[[bytes], bytes]:
    """What adds some bytes at the end."""
    return lambda old: old + text


def refuse(path: Path) -> str:
    """Why a file is not changed; it is as it was, and nothing is left open or beside it."""
    before = os.listdir("/proc/self/fd")
    names = sorted(os.listdir(path.parent))
    with pytest.raises(OSError, match=r".") as error:
        change_secret(str(path), append(b"more"))
    assert sorted(os.listdir(path.parent)) == names
    assert os.listdir("/proc/self/fd") == before
    return str(error.value.strerror)


def test_a_new_file(path: Path) -> None:
    """It is made for its owner alone, whatever the umask is, and stands alone in its directory."""
    old = os.umask(0)
    try:
        assert change_secret(str(path), append(b"one\n"))
    finally:
        os.umask(old)
    assert b"one\n" == path.read_bytes()
    assert 0o600 == path.stat().st_mode & 0o7777
    assert ["keys"] == os.listdir(path.parent)


def test_another_line(path: Path) -> None:
    """What was there stays, and so do mode and owner."""
    path.write_bytes(b"one\n")
    path.chmod(0o400)
    assert not change_secret(str(path), append(b"two\n"))
    assert b"one\ntwo\n" == path.read_bytes()
    assert 0o400 == path.stat().st_mode & 0o7777


def test_who_reads_it_meanwhile(path: Path) -> None:
    """Who has opened the file before reads on in the old one, to its end."""
    change_secret(str(path), append(b"one\n"))
    with path.open("rb") as reading:
        change_secret(str(path), append(b"two\n"))
        assert b"one\n" == reading.read()


def test_what_a_killed_process_has_left(path: Path) -> None:
    """Half of a new file, left beside the old one, is in nobody's way."""
    path.touch(0o600)
    (path.parent / ".keys.new").write_bytes(b"on")
    change_secret(str(path), append(b"one\n"))
    assert ["keys"] == os.listdir(path.parent)
    assert b"one\n" == path.read_bytes()


@pytest.mark.parametrize("exists", [True, False])
def test_a_change_that_is_refused(path: Path, exists: bool) -> None:
    """When there is to be no change there is none, and no new file."""

    def fail(old: bytes) -> bytes:
        raise ValueError(old.decode())

    if exists:
        path.write_bytes(b"one\n")
        path.chmod(0o600)
    with pytest.raises(ValueError, match=r"^one\n$" if exists else r"^$"):
        change_secret(str(path), fail)
    assert (["keys"] if exists else []) == os.listdir(path.parent)
    assert not exists or path.read_bytes() == b"one\n"


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "fchmod"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch, call: str, exists: bool) -> None:
    """Whatever fails, the old file is there still, and nothing of a new one."""
    if exists:
        path.write_bytes(b"one\n")
        path.chmod(0o600)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(f"os.{call}", fail)
        assert "No space left on device" == refuse(path)
    assert not exists or path.read_bytes() == b"one\n"


def test_writes_that_take_a_part(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes some bytes only is followed by another one."""
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:3]))
    change_secret(str(path), append(b"0123456789"))
    assert b"0123456789" == path.read_bytes()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_for_others(path: Path, mode: int) -> None:
    """A file that others can use is refused, with the command that mends it."""
    path.touch()
    path.chmod(mode)
    expected = f"others than its owner may use it (mode {mode:04o}), run chmod 600 {path}"
    assert expected == refuse(path)


def test_no_files(path: Path) -> None:
    """What is no regular file is refused without waiting."""
    os.mkfifo(path, 0o600)
    assert "is not a regular file" == refuse(path)
    path.unlink()
    path.mkdir()
    assert refuse(path) == "is not a regular file"
    with pytest.raises(IsADirectoryError):
        change_secret(f"{path}/", append(b""))


def test_two_names(path: Path) -> None:
    """A file with a second name would be changed under one of them only."""
    path.touch(0o600)
    os.link(path, path.parent / "other")
    assert "has a second name, under which it would stay as it is" == refuse(path)


def test_a_link_of_ours(path: Path) -> None:
    """A link of ours is followed: it stays one, and what it leads to is changed."""
    (path.parent / "real").touch(0o600)
    path.symlink_to("real")
    change_secret(str(path), append(b"one\n"))
    assert path.is_symlink()
    assert b"one\n" == (path.parent / "real").read_bytes()


def test_where_others_can_write(path: Path) -> None:
    """Where others can put a link or a file there is no secret."""
    path.parent.chmod(0o777)
    policy = TrustPolicy(enforce=True, owners=TrustPolicy.current().owners)
    with pytest.raises(PermissionError, match="expected a directory that only its owner can write"):
        change_secret(str(path), append(b"one\n"), policy)
    assert [] == os.listdir(path.parent)
    path.parent.chmod(0o1777)
    path.symlink_to("real")
    with pytest.raises(OSError, match="is a link that somebody else may have made"):
        change_secret(str(path), append(b"one\n"))


def test_of_another_user(path: Path) -> None:
    """Root changes no file of somebody else, who could give it back to himself."""
    path.touch(0o600)
    give_away(path)
    policy = TrustPolicy(enforce=True, owners=TrustPolicy.current().owners)
    with pytest.raises(PermissionError, match=f"belongs to uid {STRANGER}, run chown root {path}"):
        change_secret(str(path), append(b"one\n"), policy)


def test_too_large(path: Path) -> None:
    """A file without end is left alone."""
    path.touch(0o600)
    os.truncate(path, MAX_SIZE + 1)
    assert f"has more than {MAX_SIZE} bytes" == refuse(path)


def _add_lines(path: str, name: str) -> None:
    for number in range(20):
        change_secret(path, append(f"{name} {number}\n".encode()))


def test_several_at_once(path: Path) -> None:
    """Processes that change one file at once, and make it, lose nothing of each other's."""
    context = multiprocessing.get_context("fork")
    everybody = [context.Process(target=_add_lines, args=(str(path), f"p{n}")) for n in range(4)]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
        assert 0 == one.exitcode
    found = path.read_text().splitlines()
    assert sorted(f"p{n} {number}" for n in range(4) for number in range(20)) == sorted(found)
    for n in range(4):
        assert [f"p{n} {number}" for number in range(20)] == [
            line for line in found if line.startswith(f"p{n} ")
        ]


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o640])
def test_a_file_that_others_may_read(path: Path, mode: int) -> None:
    """What is no secret others may read, and still can when it was changed."""
    path.write_bytes(b"one\n")
    path.chmod(mode)
    assert not change_public(str(path), append(b"two\n"))
    assert b"one\ntwo\n" == path.read_bytes()
    assert mode == path.stat().st_mode & 0o7777


@pytest.mark.parametrize("mode", [0o664, 0o602])
def test_a_file_that_others_may_write(path: Path, mode: int) -> None:
    """What others can change says nothing of who knocks."""
    path.write_bytes(b"one\n")
    path.chmod(mode)
    with pytest.raises(PermissionError, match=f"others than its owner may change it .mode {mode:04o}."):
        change_public(str(path), append(b"two\n"))
    assert b"one\n" == path.read_bytes()


def test_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory is made for its owner alone, and is on the disk; one that is there stays as it is."""
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    folder = tmp_path / "knockd"
    make_folder(str(folder))
    assert 0o700 == folder.stat().st_mode & 0o7777
    assert [tmp_path.stat().st_ino] == synced
    folder.chmod(0o755)
    make_folder(str(folder))
    assert 0o755 == folder.stat().st_mode & 0o7777
    with pytest.raises(FileNotFoundError):
        make_folder(str(tmp_path / "no" / "knockd"))
