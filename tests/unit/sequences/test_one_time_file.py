"""One-time sequence files on disk: read, struck out in place, and everything they can be instead."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd.sequences.one_time_file import (
    add_one_time,
    read_one_time,
    read_one_time_lines,
    strike_one_time,
    strike_used,
)
from knockd_conf.model import Step
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


def _add_ten(path: Path, number: int) -> None:
    for n in range(10):
        add(path, f"{number} {n}")


def add(path: Path, *texts: str) -> int:
    """Adds sequences, written as for ``steps``; how many the file has then."""
    return add_one_time(str(path), lambda _: tuple(map(steps, texts)))


def test_add_to_none(tmp_path: Path) -> None:
    """A file is made for its owner alone, and the first sequence is live."""
    path = tmp_path / "sequences"
    assert 2 == add(path, "1 2 3", "4u 5")
    assert " 1,2,3\n 4:udp,5\n" == path.read_text()
    assert 0o600 == path.stat().st_mode & 0o777
    assert FIRST == live(read_one_time(str(path)))


@pytest.mark.parametrize("end", ["", "\n"])
def test_add_to_some(path: Path, end: str) -> None:
    """What was there stays where it is; the new ones come behind it, in the same file."""
    path.chmod(0o600)
    path.write_text(f"# used once each\n#,2,3\n4:udp,5{end}")
    inode = path.stat().st_ino
    asked: list[object] = []

    def choose(known: object) -> tuple[tuple[Step, ...], ...]:
        asked.append(known)
        return steps("6 7"), steps("8 9u")

    assert 3 == add_one_time(str(path), choose)
    assert [[SECOND]] == asked
    assert "# used once each\n#,2,3\n4:udp,5\n 6,7\n 8,9:udp\n" == path.read_text()
    assert path.stat().st_ino == inode


def test_strike_while_lines_are_added(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon strikes out meanwhile stays struck out, and lines count only when they are whole."""
    path.chmod(0o600)
    fsync = os.fsync
    left: list[int] = []

    def strike(descriptor: int) -> None:
        with monkeypatch.context() as real:
            real.setattr("os.fsync", fsync)
            left.append(strike_one_time(str(path), (FIRST, SECOND)[len(left)]).left)
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", strike)
    add(path, "6 7")
    assert [1, 1] == left
    assert "# used once each\n#,2,3\n#:udp,5\n 6,7\n" == path.read_text()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_add_where_others_can_read(path: Path, mode: int) -> None:
    """Sequences that others can read are none."""
    path.chmod(mode)
    expected = f"others than its owner may use it (mode {mode:04o}), run chmod 600 {path}"
    with pytest.raises(PermissionError, match=re.escape(expected)):
        add(path, "6 7")
    assert TEXT == path.read_text()


def test_add_to_something_else(path: Path) -> None:
    """A file with a line that is no sequence is left alone, and so is one that would be too large."""
    path.chmod(0o600)
    path.write_text("[options]\n")
    with pytest.raises(ValueError, match=r"^line 1: .*: mend it, or name another file$"):
        add(path, "6 7")
    path.write_text("#" * (MAX_SIZE - 3))
    with pytest.raises(
        ValueError, match=f"^expected a file of at most {MAX_SIZE} bytes, it would have more$"
    ):
        add(path, "6 7")
    assert MAX_SIZE - 3 == path.stat().st_size


def test_several_add_at_once(tmp_path: Path) -> None:
    """Whoever adds lines at the same time loses none, also when the file is made."""
    path = tmp_path / "sequences"
    context = multiprocessing.get_context("fork")
    everybody = [context.Process(target=_add_ten, args=(path, number)) for number in range(4)]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
        assert 0 == one.exitcode
    assert sorted(f" {number},{n}" for number in range(4) for n in range(10)) == sorted(
        path.read_text().splitlines()
    )
