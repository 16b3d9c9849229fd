"""A process's lock on real file systems: taken, held, refused, given up."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.files import process_lock
from knockd.files.process_lock import HeldError, ProcessLock
from tests.support.lab.lock_holder import LockHolder

NAME = "daemon.lock"
TRY = """
import fcntl, os, sys
try:
    fcntl.lockf(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(1)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of ours that does not exist yet."""
    return tmp_path / "state"


def others_may_have(path: Path) -> bool:
    """Whether another process could lock the file."""
    return subprocess.run([sys.executable, "-c", TRY, path], check=False).returncode == 0


def test_first_time(folder: Path) -> None:
    """Directory and file are made, for nobody else to open, and no other process gets the lock."""
    lock = ProcessLock(str(folder), NAME)
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert (folder / NAME).stat().st_mode & 0o7777 == 0o600
    assert not others_may_have(folder / NAME)
    lock.release()


def test_release(folder: Path) -> None:
    """What is given up is free; the file stays unless it is to be removed."""
    ProcessLock(str(folder), NAME).release()
    assert others_may_have(folder / NAME)
    ProcessLock(str(folder), NAME).release(remove=True)
    assert not (folder / NAME).exists()


def test_held(folder: Path) -> None:
    """The lock of another process is refused with its pid."""
    folder.mkdir(mode=0o700)
    with LockHolder(folder / NAME) as other:
        with pytest.raises(HeldError) as caught:
            ProcessLock(str(folder), NAME)
        assert other.pid == caught.value.pid


def test_killed(folder: Path) -> None:
    """The lock of a process that was killed is free at once."""
    folder.mkdir(mode=0o700)
    with LockHolder(folder / NAME) as other:
        other.kill()
        ProcessLock(str(folder), NAME).release()


def test_a_pid_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process in another pid namespace the kernel says 0, or less; of one that has ended nothing."""
    for kind, pid in ((fcntl.F_WRLCK, 0), (fcntl.F_WRLCK, -1), (fcntl.F_UNLCK, 77)):
        answer = process_lock._FLOCK.pack(kind, 0, 0, 0, pid)
        monkeypatch.setattr(fcntl, "fcntl", lambda *_, answer=answer: answer)
        assert process_lock._find_holder(0) == 0


def test_a_child_does_not_have_it(folder: Path) -> None:
    """A process that inherits the descriptor, and closes it, neither holds the lock nor drops it."""
    lock = ProcessLock(str(folder), NAME)
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(lock._file,)
    )
    assert not others_may_have(folder / NAME)
    os.set_inheritable(lock._file, False)
    lock.release()
    assert others_may_have(folder / NAME)
    child.communicate()


def test_is_at(folder: Path, tmp_path: Path) -> None:
    """The file is known by other paths too, and asking leaves it locked."""
    lock = ProcessLock(str(folder), NAME)
    (tmp_path / "link").symlink_to(folder)
    assert lock.is_at(str(tmp_path / "link"), NAME)
    assert not lock.is_at(str(folder), "another")
    assert not others_may_have(folder / NAME)
    (folder / NAME).unlink()
    assert not lock.is_at(str(folder), NAME)
    lock.release(remove=True)


def test_removed_by_the_one_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes between opening and locking is made anew: else two processes would have a lock."""
    tries = []
    lock_it = process_lock._lock

    def remove_first(descriptor: int) -> None:
        tries.append(descriptor)
        if len(tries) == 1:
            (folder / NAME).unlink()
        lock_it(descriptor)

    monkeypatch.setattr(process_lock, "_lock", remove_first)
    lock = ProcessLock(str(folder), NAME)
    assert len(tries) == 2
    assert not others_may_have(folder / NAME)
    lock.release()


def test_removed_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is always removed is given up."""
    monkeypatch.setattr(process_lock, "_lock", lambda _: (folder / NAME).unlink())
    with pytest.raises(OSError, match="removed again and again"):
        ProcessLock(str(folder), NAME)


def _readable(path: Path) -> None:
    path.touch(0o600)
    path.chmod(0o604)


def _pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def _link(path: Path) -> None:
    path.symlink_to("elsewhere")


REFUSED: dict[Callable[[Path], None], str] = {
    _readable: "daemon.lock in it can be locked by others, remove it",
    _pipe: "daemon.lock in it is not a regular file",
    _link: os.strerror(errno.ELOOP),
}


@pytest.mark.parametrize("plant", REFUSED, ids=lambda plant: plant.__name__)
def test_a_file_of_others(folder: Path, plant: Callable[[Path], None]) -> None:
    """A file that others could lock, or that leads elsewhere, is no lock, and stays as it is."""
    folder.mkdir(mode=0o700)
    plant(folder / NAME)
    with pytest.raises(OSError, match=REFUSED[plant]):
        ProcessLock(str(folder), NAME)
    assert os.path.lexists(folder / NAME)
    assert not (folder / "elsewhere").exists()


def test_a_directory_that_others_can_write(folder: Path) -> None:
    """No file is made where others could put their own."""
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(OSError, match="others can write to it"):
        ProcessLock(str(folder), NAME)
    assert list(folder.iterdir()) == []


def test_no_locks_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks is no other process."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(OSError, match="No locks available"):
        ProcessLock(str(folder), NAME)
