"""The pid file: what is in it, that it is locked, that it goes."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

from knockd.files.pid_file import PidFile
from tests.support.lab.other_user import STRANGER, give_away


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A pid file that does not exist yet."""
    return tmp_path / "knockd.pid"


def refused(path: Path) -> str:
    """Why the file is not taken."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=r".") as error:
        PidFile(str(path))
    assert os.listdir("/proc/self/fd") == before
    return str(error.value.strerror)


def test_content(path: Path) -> None:
    """The file holds our pid and a line end."""
    file = PidFile(str(path))
    file.write()
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


def test_stale_file(path: Path) -> None:
    """What a daemon that was killed left behind is replaced, however long it was."""
    path.write_text("1234567890\n\n\0\0")
    file = PidFile(str(path))
    file.write()
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


def test_remove(path: Path) -> None:
    """At the end the file is gone."""
    PidFile(str(path)).remove()
    assert not path.exists()


def test_removed_by_somebody_else(path: Path) -> None:
    """A file that somebody removed meanwhile is no problem at the end."""
    file = PidFile(str(path))
    path.unlink()
    file.remove()
    assert not path.exists()


def test_second_daemon(path: Path) -> None:
    """A second daemon cannot take the file, and leaves what is in it alone."""
    file = PidFile(str(path))
    file.write()
    with pytest.raises(BlockingIOError):
        PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()


def test_lock_of_a_stranger(path: Path) -> None:
    """Who holds the lock of a file whose daemon is gone does not keep the next one from starting."""
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout
    path.write_text(gone)
    with path.open() as stranger:
        fcntl.flock(stranger, fcntl.LOCK_SH)
        file = PidFile(str(path))
        file.write()
    assert (path.read_text(), path.stat().st_mode & 0o777) == (f"{os.getpid()}\n", 0o644)
    file.remove()


def test_daemon_that_is_just_starting(path: Path) -> None:
    """One that has the lock and has not written its pid is a daemon all the same."""
    file = PidFile(str(path))
    assert refused(path) == "Resource temporarily unavailable"
    file.remove()


def test_after_the_first_daemon(path: Path) -> None:
    """When the first daemon has ended the next one takes the file."""
    PidFile(str(path)).remove()
    file = PidFile(str(path))
    file.write()
    assert path.exists()
    file.remove()


def test_refusals_leak_nothing(path: Path) -> None:
    """A refused lock leaves no descriptor open."""
    file = PidFile(str(path))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(BlockingIOError):
        PidFile(str(path))
    assert len(os.listdir("/proc/self/fd")) == before
    file.remove()


def test_link(path: Path, tmp_path: Path) -> None:
    """A symbolic link is not followed: it could lead root to another's file."""
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    path.symlink_to(victim)
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.ELOOP))):
        PidFile(str(path))
    assert victim.read_text() == "precious\n"


@pytest.mark.parametrize("text", ["[options]\n", "1234 5678 and more\n", "root:x:0:0\n", "1" * 33])
def test_other_file(path: Path, text: str) -> None:
    """A file that holds anything but a process id, named by mistake, is left as it is."""
    path.write_text(text)
    assert (refused(path), path.read_text()) == ("holds something else than a process id", text)


def test_second_name(path: Path, tmp_path: Path) -> None:
    """A file with a second name may be any file of root's, and is left alone."""
    victim = tmp_path / "victim"
    victim.write_text("1\n")
    os.link(victim, path)
    assert (refused(path), victim.read_text()) == ("has a second name", "1\n")


def test_file_of_another_user(path: Path, tmp_path: Path) -> None:
    """In a directory like /tmp a file that another user put there beforehand is not taken."""
    tmp_path.chmod(0o1777)
    path.write_text("1\n")
    give_away(path)
    assert (refused(path), path.read_text()) == (f"belongs to uid {STRANGER}", "1\n")


def test_pipe(path: Path) -> None:
    """A pipe in the file's place is refused without waiting for who reads it."""
    os.mkfifo(path)
    assert refused(path) == "is not a regular file"


def test_another_file_at_the_end(path: Path) -> None:
    """A file that took our name meanwhile is not ours to remove."""
    file = PidFile(str(path))
    path.unlink()
    path.write_text("1\n")
    file.remove()
    assert path.read_text() == "1\n"


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_impossible(tmp_path: Path, kind: str) -> None:
    """A path that cannot be a file says why."""
    where = tmp_path if kind == "directory" else tmp_path / "no" / "such" / "file"
    with pytest.raises((FileNotFoundError, IsADirectoryError)):
        PidFile(str(where))
