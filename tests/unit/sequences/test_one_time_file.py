"""One-time sequence files on disk: read, struck out in place, and everything they can be instead."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.sequences.one_time_file import (
    read_one_time,
    read_one_time_lines,
    strike_one_time,
    strike_used,
)
from knockd_conf.one_time import MAX_SIZE, OneTimeFile
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.played import steps
from tests.support.lab.other_user import STRANGER, give_away

TEXT = "# used once each\n1,2,3\n4:udp,5\n"
FIRST, SECOND = steps("1 2 3"), steps("4u 5")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two sequences."""
    made = tmp_path / "sequences"
    made.write_text(TEXT)
    return made


def live(found: OneTimeFile) -> object:
    """The steps of the live line."""
    return found.live and found.live.steps


def test_read(path: Path) -> None:
    """The first valid line is live; reading changes nothing."""
    found = read_one_time(str(path))
    assert (live(found), found.left, path.read_text()) == (FIRST, 2, TEXT)


def test_read_lines(path: Path, tmp_path: Path) -> None:
    """The first lines that are not struck out, as many as are asked for; a file that is not there raises."""
    assert [FIRST, SECOND] == read_one_time_lines(str(path), 9)
    assert [FIRST] == read_one_time_lines(str(path), 1)
    strike_one_time(str(path), FIRST)
    assert [SECOND] == read_one_time_lines(str(path), 9)
    with pytest.raises(FileNotFoundError):
        read_one_time_lines(str(tmp_path / "none"), 9)


def test_strike(path: Path) -> None:
    """The used line's first character becomes a hash, in place, and the next line is live."""
    inode = path.stat().st_ino
    found = strike_one_time(str(path), FIRST)
    expected = "# used once each\n#,2,3\n4:udp,5\n"
    assert (live(found), path.read_text(), path.stat().st_ino) == (SECOND, expected, inode)


def test_strike_the_last(path: Path) -> None:
    """After the last line there is none."""
    strike_one_time(str(path), FIRST)
    assert live(strike_one_time(str(path), SECOND)) is None


def test_owner_and_mode_stay(path: Path) -> None:
    """Striking out leaves owner and mode as they were."""
    path.chmod(0o640)
    before = path.stat()
    strike_one_time(str(path), FIRST)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@pytest.mark.parametrize(
    "now", ["4:udp,5\n", "", "# 1,2,3\n", "1,2\n"], ids=["next", "empty", "struck", "other"]
)
def test_changed_meanwhile(path: Path, now: str) -> None:
    """When the live line is no longer the used sequence nothing is written, and that is said."""
    path.write_text(now)
    with pytest.raises(ValueError, match=r"^changed while its sequence was in use$"):
        strike_one_time(str(path), FIRST)
    assert path.read_text() == now


def test_moved_meanwhile(path: Path) -> None:
    """A line that was put before the live one does not lead the hash astray."""
    path.write_text("# another comment\n" + TEXT)
    strike_one_time(str(path), FIRST)
    assert path.read_text() == "# another comment\n# used once each\n#,2,3\n4:udp,5\n"


def _missing(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _strike(path: str) -> OneTimeFile:
    return strike_one_time(path, FIRST)


ATTEMPTS: tuple[Callable[[str], OneTimeFile], ...] = (read_one_time, _strike)
IMPOSSIBLE = [
    (_missing, "No such file or directory"),
    (_directory, "Is a directory"),
    (_fifo, "is not a regular file"),
    (_device, "is not a regular file"),
]


@pytest.mark.parametrize(("make", "reason"), IMPOSSIBLE, ids=["missing", "directory", "fifo", "device"])
def test_impossible(path: Path, make: Callable[[Path], None], reason: str) -> None:
    """What is no regular file is refused without waiting, and the error says what it is."""
    make(path)
    said = []
    for attempt in ATTEMPTS:
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the reason is compared below
            attempt(str(path))
        said.append(refused.value.strerror)
    assert said == [reason, reason]


@pytest.mark.parametrize("mode", [0o444, 0o222, 0o000], ids=["read-only", "write-only", "closed"])
def test_no_right(tmp_path: Path, mode: int) -> None:
    """A file that cannot be read, or could not be struck out later, is refused at once."""
    tmp_path.chmod(0o755)
    path = tmp_path / "sequences"
    path.write_text(TEXT)
    path.chmod(mode)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.chdir(tmp_path)
            if os.geteuid() == 0:
                os.setresuid(65_534, 65_534, 65_534)
            read_one_time(path.name)
        except PermissionError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_everybody_can_write(path: Path) -> None:
    """A file that everybody can write is refused: who writes it opens the door."""
    path.chmod(0o646)
    with pytest.raises(PermissionError, match=re.escape(f"everybody can write it, chmod o-w {path}")):
        read_one_time(str(path))


def test_file_of_another_user(tmp_path: Path) -> None:
    """A user may keep the codes of a door in a directory of hers; not so in one like /tmp."""
    hers, shared = tmp_path / "hers", tmp_path / "shared"
    for folder, mode in ((hers, 0o755), (shared, 0o1777)):
        folder.mkdir()
        folder.chmod(mode)
        (folder / "codes").write_text(TEXT)
        give_away(folder / "codes")
    give_away(hers)
    assert live(read_one_time(str(hers / "codes"))) == FIRST
    with pytest.raises(
        PermissionError, match=f"belongs to uid {STRANGER}, in a directory that others can write"
    ):
        read_one_time(str(shared / "codes"))


def test_directory_of_another_user(tmp_path: Path) -> None:
    """A file of ours below somebody else's directory is refused: she could put another one in its place."""
    hers = tmp_path / "hers"
    (hers / "ours").mkdir(parents=True, mode=0o755)
    (hers / "ours" / "codes").write_text(TEXT)
    give_away(hers)
    with pytest.raises(PermissionError, match=f"^.*{hers}: expected a directory owned by root, got uid"):
        read_one_time(str(hers / "ours" / "codes"))
    assert live(read_one_time(str(hers / "ours" / "codes"), TrustPolicy(enforce=False))) == FIRST


def test_link_of_another_user_further_up(tmp_path: Path) -> None:
    """Through her link no file is reached, whatever it is that it leads to now."""
    (tmp_path / "codes").write_text(TEXT)
    (tmp_path / "link").symlink_to(tmp_path)
    give_away(tmp_path / "link")
    with pytest.raises(OSError, match="is a link that somebody else may have made"):
        read_one_time(str(tmp_path / "link" / "codes"))


def test_used_lines_anywhere(path: Path) -> None:
    """Every line with a used sequence is struck out, however it is written; others stay."""
    path.write_text("7,8\n 1 , 2:UDP\n3\n1:tcp,2:udp\n")
    strike_used(str(path), frozenset({"1:tcp,2:udp"}))
    assert path.read_text() == "7,8\n#1 , 2:UDP\n3\n#:tcp,2:udp\n"


def test_link(path: Path) -> None:
    """A link of ours is followed where only we can write, and not where others can."""
    link = path.parent / "link"
    link.symlink_to(path)
    found = live(read_one_time(str(link)))
    path.parent.chmod(0o1777)
    with pytest.raises(OSError, match="is a link that somebody else may have made"):
        strike_one_time(str(link), FIRST)
    assert (found, path.read_text()) == (FIRST, TEXT)


def test_too_large(path: Path) -> None:
    """A file without end is not read to its end: nothing in it is live."""
    path.write_bytes(b"1,2,3\n" + b"#" * MAX_SIZE)
    assert live(read_one_time(str(path))) is None


def test_nothing_is_left_open(path: Path) -> None:
    """Neither success nor refusal leaves a descriptor open."""
    before = len(os.listdir("/proc/self/fd"))
    read_one_time(str(path))
    strike_one_time(str(path), FIRST)
    _fifo(path)
    with pytest.raises(OSError, match="regular"):
        read_one_time(str(path))
    assert len(os.listdir("/proc/self/fd")) == before
