"""A log that grows, through rotations of every kind."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.review import follow
from knockd.review.follow import Followed
from knockd.review.unreadable import Unreadable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of one line."""
    (tmp_path / "log").write_bytes(b"1\n")
    return tmp_path / "log"


@pytest.fixture
def followed(path: Path) -> Iterator[Followed]:
    """Its follower, who has read that line."""
    one = Followed(str(path))
    assert [b"1"] == one.read_lines()
    assert [] == one.read_lines()
    yield one
    one.close()


def append(path: Path, data: bytes) -> None:
    """Writes as a daemon does."""
    with path.open("ab") as file:
        file.write(data)


def test_growth(path: Path, followed: Followed) -> None:
    """Lines come when they are whole."""
    append(path, b"2\n3")
    assert [b"2"] == followed.read_lines()
    append(path, b"3\n")
    assert [b"33"] == followed.read_lines()


def test_renamed(path: Path, followed: Followed) -> None:
    """What was written into the old file after its rotation comes before the new file."""
    path.rename(path.with_name("log.1"))
    assert [] == followed.read_lines()
    append(path.with_name("log.1"), b"2\n")
    append(path, b"3\n")
    assert [b"2"] == followed.read_lines()
    assert [] == followed.read_lines()
    assert [b"3"] == followed.read_lines()


def test_made_anew_and_empty(path: Path, followed: Followed) -> None:
    """logrotate makes the new file before the daemon hears of it: the old one is read until then."""
    path.rename(path.with_name("log.1"))
    path.touch()
    assert [] == followed.read_lines()
    append(path.with_name("log.1"), b"2\n")
    assert [b"2"] == followed.read_lines()
    append(path, b"3\n")
    assert [] == followed.read_lines()
    assert [b"3"] == followed.read_lines()


def test_half_a_line_before_a_rotation(path: Path, followed: Followed) -> None:
    """It is handed on as it is, and not glued to the next file."""
    append(path, b"half")
    assert [] == followed.read_lines()
    path.rename(path.with_name("log.1"))
    append(path, b"3\n")
    assert [b"half"] == followed.read_lines()
    assert [b"3"] == followed.read_lines()


def test_truncated(path: Path, followed: Followed) -> None:
    """copytruncate: the file begins anew, also when it is longer than before already."""
    path.write_bytes(b"")
    assert [] == followed.read_lines()
    append(path, b"2\n")
    assert [b"2"] == followed.read_lines()
    path.write_bytes(b"3\n4\n5\n")
    assert [b"3", b"4", b"5"] == followed.read_lines()


def test_half_a_line_before_a_truncation(path: Path, followed: Followed) -> None:
    """It is handed on as it is, and not glued to what is written then."""
    append(path, b"half")
    assert [] == followed.read_lines()
    path.write_bytes(b"3\n")
    assert [b"half", b"3"] == followed.read_lines()


def test_files_are_closed(path: Path, followed: Followed) -> None:
    """A file that was rotated, or cannot be followed, is let go."""
    before = len(os.listdir("/proc/self/fd"))
    for at in range(5):
        path.rename(path.with_name(f"log.{at}"))
        append(path, b"2\n")
        assert [[], [b"2"]] == [followed.read_lines(), followed.read_lines()]
    with pytest.raises(Unreadable):
        Followed(str(path.parent)).read_lines()
    assert before == len(os.listdir("/proc/self/fd"))
    followed.close()
    assert before - 1 == len(os.listdir("/proc/self/fd"))


def test_removed_and_made_anew(path: Path, followed: Followed) -> None:
    """While the file is missing nothing comes, and nothing is lost."""
    path.unlink()
    assert [] == followed.read_lines()
    append(path, b"2\n")
    assert [[], [b"2"]] == [followed.read_lines(), followed.read_lines()]


def test_not_there_yet(tmp_path: Path) -> None:
    """A file may come later; then it is read from its beginning."""
    followed = Followed(str(tmp_path / "log"))
    assert [] == followed.read_lines()
    append(tmp_path / "log", b"1\n")
    assert [b"1"] == followed.read_lines()
    followed.close()


def test_a_large_file_comes_in_parts(path: Path, followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call reads so much and no more."""
    monkeypatch.setattr(follow, "CHUNK", 4)
    monkeypatch.setattr(follow, "MOST_AT_ONCE", 8)
    append(path, b"a\n" * 10)
    assert [4, 4, 2, 0] == [len(followed.read_lines()) for _ in range(4)]


def test_what_cannot_be_followed(tmp_path: Path) -> None:
    """A folder is no log; a file that may not be read is told."""
    with pytest.raises(Unreadable, match="it is no regular file, and cannot be followed"):
        Followed(str(tmp_path)).read_lines()
    os.symlink("loop", tmp_path / "loop")
    said = os.strerror(errno.ELOOP)
    with pytest.raises(Unreadable, match=said[0].lower() + said[1:]):
        Followed(str(tmp_path / "loop")).read_lines()
