"""Files that root writes: through whose links, and whose files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.files.trusted import judge_public, judge_secret, open_trusted, read_at_most
from knockd_conf.trust import TrustPolicy
from tests.support.lab.other_user import STRANGER, give_away

APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that does not exist yet, in a directory that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path / "knockd.log"


def write(path: Path, line: str) -> None:
    """Opens the file and appends a line."""
    descriptor = open_trusted(str(path), APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A file that does not exist yet, in a directory like /tmp."""
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory / "knockd.log"


def refused(path: Path) -> str:
    """Why the file is not opened; nothing is left open."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=r".") as error:
        open_trusted(str(path), APPEND)
    assert os.listdir("/proc/self/fd") == before
    return str(error.value.strerror)


def _directory(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [(_directory, "Is a directory"), (_fifo, "No such device or address")],
    ids=["directory", "fifo without reader"],
)
def test_impossible(path: Path, make: Callable[[Path], None], reason: str) -> None:
    """What can take no lines is refused at once, and the error says what it is."""
    make(path)
    assert refused(path) == reason


def test_link_loop(path: Path) -> None:
    """Links in a circle end."""
    path.symlink_to(path.name)
    assert refused(path) == os.strerror(errno.ELOOP)


def test_link_where_others_write(shared: Path) -> None:
    """In a directory like /tmp no link is followed, no matter who made it."""
    victim = shared.parent / "victim"
    shared.symlink_to(victim)
    assert (refused(shared), victim.exists()) == ("is a link that somebody else may have made", False)


def test_link_of_another_user(path: Path) -> None:
    """A link of another user is not followed, wherever it is."""
    path.symlink_to("victim")
    give_away(path)
    assert refused(path) == "is a link that somebody else may have made"


def test_file_of_another_user(shared: Path) -> None:
    """In a directory like /tmp a file that was put there beforehand is not written."""
    shared.write_text("")
    give_away(shared)
    reason = f"belongs to uid {STRANGER}, in a directory that others can write"
    assert (refused(shared), shared.read_text()) == (reason, "")


def test_pipe_of_another_user(shared: Path) -> None:
    """Nor a named pipe, whose reader would hear everything."""
    os.mkfifo(shared)
    give_away(shared)
    reader = os.open(shared, os.O_RDONLY | os.O_NONBLOCK)
    assert refused(shared).startswith(f"belongs to uid {STRANGER}")
    os.close(reader)


def test_file_of_another_user_where_only_root_writes(path: Path) -> None:
    """Rotation may give the log to another user; in root's directory that was root's will."""
    path.write_text("")
    give_away(path)
    write(path, "one")
    assert path.read_text() == "one\n"


def test_directory_of_another_user(path: Path) -> None:
    """In a directory of a user that user's file is written, but no link of hers followed."""
    folder = path.parent / "hers"
    folder.mkdir()
    give_away(folder)
    hers, link = folder / "her.log", folder / "link.log"
    hers.write_text("")
    give_away(hers)
    link.symlink_to("/etc/passwd")
    write(hers, "one")
    assert (hers.read_text(), refused(link)) == ("one\n", "is a link that somebody else may have made")


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o775])
def test_second_name(path: Path, mode: int) -> None:
    """Where others can write, a file with a second name is not written: it may be any file of root's."""
    folder = path.parent / "shared"
    folder.mkdir()
    folder.chmod(mode)
    victim = path.parent / "victim"
    victim.write_text("precious\n")
    os.link(victim, folder / "knockd.log")
    reason = "has a second name, in a directory that others can write"
    assert (refused(folder / "knockd.log"), victim.read_text()) == (reason, "precious\n")


def test_second_name_in_our_directory(path: Path) -> None:
    """Where only root writes, root may give its log a second name."""
    path.write_text("")
    os.link(path, path.parent / "backup.log")
    write(path, "one")
    assert path.read_text() == "one\n"


@pytest.mark.parametrize(("mode", "good"), [(0o600, True), (0o400, True), (0o640, False), (0o602, False)])
def test_secrets(path: Path, mode: int, good: bool) -> None:
    """Nobody but its owner may use a file with a secret, also where files are trusted unseen."""
    path.touch()
    path.chmod(mode)
    policy = TrustPolicy.current(allow_insecure=True)
    if good:
        judge_secret(str(path), path.stat(), policy)
    else:
        with pytest.raises(PermissionError, match=f"run chmod 600 {path}"):
            judge_secret(str(path), path.stat(), policy)


@pytest.mark.parametrize(
    ("mode", "good"), [(0o600, True), (0o644, True), (0o444, True), (0o620, False), (0o602, False)]
)
def test_who_may_change_what_is_no_secret(path: Path, mode: int, good: bool) -> None:
    """Others may read it and never change it, whatever is allowed besides."""
    path.touch()
    path.chmod(mode)
    policy = TrustPolicy.current(allow_insecure=True)
    if good:
        judge_public(str(path), path.stat(), policy)
    else:
        with pytest.raises(PermissionError, match=f"run chmod go-w {path}"):
            judge_public(str(path), path.stat(), policy)


def test_whose_file_says_who_knocks(path: Path) -> None:
    """A file of another user is refused, and so is what is no file."""
    path.touch()
    give_away(path)
    policy = TrustPolicy(enforce=True, owners=TrustPolicy.current().owners)
    with pytest.raises(PermissionError, match=f"belongs to uid {STRANGER}, run chown root {path}"):
        judge_public(str(path), path.stat(), policy)
    with pytest.raises(OSError, match="is not a regular file"):
        judge_public(str(path.parent), path.parent.stat(), policy)


@pytest.mark.parametrize(("most", "expected"), [(0, b""), (3, b"one"), (100, b"one two")])
def test_read_at_most(path: Path, most: int, expected: bytes) -> None:
    """A file is read to its end, or as far as is asked for."""
    path.write_bytes(b"one two")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert expected == read_at_most(descriptor, most)
    finally:
        os.close(descriptor)
