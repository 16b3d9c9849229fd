"""Files that cannot be read: each with its own message, none with a wait or a crash."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.trust import TrustPolicy

TRUST = TrustPolicy(enforce=False)


def refused(path: str | Path) -> str:
    """The one message that a path is refused with."""
    with pytest.raises(ConfigError) as error:
        load(str(path), trust=TRUST)
    [problem] = error.value.problems
    return problem.message


def test_missing(tmp_path: Path) -> None:
    """A file that is not there."""
    assert (
        refused(tmp_path / "k.conf")
        == "expected a configuration file, got none: write one (knockd --init), or name another with -c"
    )


def test_missing_directory(tmp_path: Path) -> None:
    """A directory that is not there."""
    assert (
        refused(tmp_path / "d/k.conf")
        == "expected a configuration file, got none: write one (knockd --init), or name another with -c"
    )


def test_file_as_directory(tmp_path: Path) -> None:
    """A file where a directory should be."""
    (tmp_path / "f").touch()
    assert refused(tmp_path / "f/k.conf") == "expected a readable file, got 'Not a directory'"


def test_directory(tmp_path: Path) -> None:
    """A directory where a file should be."""
    assert refused(tmp_path) == "expected a regular file, got a directory"


def test_root_directory() -> None:
    """The root directory, which has no name of its own."""
    assert refused("/") == "expected a regular file, got a directory"


def test_pipe(tmp_path: Path) -> None:
    """A named pipe is refused at once, without waiting for a writer."""
    os.mkfifo(tmp_path / "p")
    assert refused(tmp_path / "p") == "expected a regular file, got a device, pipe or socket"


def test_device() -> None:
    """A device is refused."""
    assert refused("/dev/null") == "expected a regular file, got a device, pipe or socket"


def test_link_that_leads_nowhere(tmp_path: Path) -> None:
    """A link to nothing is a missing file."""
    (tmp_path / "l").symlink_to("nothing")
    assert (
        refused(tmp_path / "l")
        == "expected a configuration file, got none: write one (knockd --init), or name another with -c"
    )


def test_links_in_a_circle(tmp_path: Path) -> None:
    """Links that lead to each other end."""
    (tmp_path / "l").symlink_to("m")
    (tmp_path / "m").symlink_to("l")
    assert refused(tmp_path / "l") == f"expected a readable file, got '{os.strerror(errno.ELOOP)}'"


def test_links_are_followed(tmp_path: Path) -> None:
    """A relative link leads from its own directory, '..' included."""
    (tmp_path / "a").mkdir()
    (tmp_path / "k.conf").write_text("[d]\nsequence=1\n")
    (tmp_path / "a/one").symlink_to("../two")
    (tmp_path / "two").symlink_to(tmp_path / "k.conf")
    assert [door.name for door in load(str(tmp_path / "a/one"), trust=TRUST).doors] == ["d"]


def test_nul_in_the_path() -> None:
    """A path with a NUL byte is no path."""
    assert refused("/a\0b") == "expected a path, got one that holds a NUL byte"


def test_path_that_is_not_utf8() -> None:
    """A path that is not UTF-8 could not be written to a log."""
    assert refused("/a\udcff") == "expected a path in UTF-8, got one that is not"


def test_name_too_long(tmp_path: Path) -> None:
    """A name that no file system takes."""
    assert (
        refused(tmp_path / ("n" * 300))
        == f"expected a readable file, got '{os.strerror(errno.ENAMETOOLONG)}'"
    )


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without the right to read it."""
    (tmp_path / "k.conf").touch()
    really = os.open

    def deny(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "k.conf":
            raise PermissionError(13, "Permission denied")
        return really(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", deny)
    assert refused(tmp_path / "k.conf") == "expected a readable file, got 'Permission denied'"


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is made absolute, because a daemon changes its directory."""
    (tmp_path / "k.conf").touch()
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "k.conf") == load("k.conf", trust=TRUST).path


def test_descriptors_are_closed(tmp_path: Path) -> None:
    """Reading leaves no descriptor open, neither after success nor after a refusal."""
    (tmp_path / "k.conf").touch()
    before = os.listdir("/proc/self/fd")
    load(str(tmp_path / "k.conf"), trust=TRUST)
    refused(tmp_path)
    refused("/dev/null")
    assert before == os.listdir("/proc/self/fd")


def test_comments_may_be_written_in_anything(tmp_path: Path) -> None:
    """A comment in Latin-1 is skipped like any other, as 0.8 does."""
    path = tmp_path / "knockd.conf"
    path.write_bytes(b"# \xf6ffnet\n[a]\n  # \xe4\nsequence = 1,2\n")
    path.chmod(0o600)
    config = load(str(path), trust=TrustPolicy(enforce=False))
    assert [door.name for door in config.doors] == ["a"]
