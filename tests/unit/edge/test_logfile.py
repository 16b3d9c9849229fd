"""The log file: appended to, rotated in every way, full, gone, and never somebody else's."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knockd.edge.logfile import LogFile
from tests.support.strangers import STRANGER, give_away


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log file that does not exist yet, in a directory that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path / "knockd.log"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A log file that does not exist yet, in a directory like /tmp."""
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory / "knockd.log"


def log(path: Path) -> LogFile:
    """A log file without stamps."""
    return LogFile(str(path), stamped=False)


def write(path: Path, *lines: str) -> LogFile:
    """A log file with some lines written."""
    made = log(path)
    for line in lines:
        made.write(line)
    return made


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file grows beyond ``size`` bytes here, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_made(path: Path) -> None:
    """A file that is not there is made, readable for owner and group only."""
    before = os.umask(0o022)
    write(path, "one")
    os.umask(before)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one\n", 0o640)


def test_appended_to(path: Path) -> None:
    """What is in the file stays."""
    path.write_text("before\n")
    write(path, "one", "two")
    assert path.read_text() == "before\none\ntwo\n"


def test_renamed(path: Path) -> None:
    """After a rename the next line makes a new file: nobody needs to send a signal."""
    rotated = path.with_suffix(".1")
    made = write(path, "one")
    path.rename(rotated)
    made.write("two")
    assert (rotated.read_text(), path.read_text()) == ("one\n", "two\n")


def test_replaced(path: Path) -> None:
    """A new file that rotation made under the old name is the one that is written."""
    made = write(path, "one")
    path.rename(path.with_suffix(".1"))
    path.write_text("")
    path.chmod(0o600)
    made.write("two")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two\n", 0o600)


def test_copied_and_truncated(path: Path) -> None:
    """After copytruncate lines begin at the start of the file: no hole, no old offset."""
    made = write(path, "one", "two")
    os.truncate(path, 0)
    made.write("three")
    assert path.read_text() == "three\n"


def test_removed(path: Path) -> None:
    """A file that was removed is made anew."""
    made = write(path, "one")
    path.unlink()
    made.write("two")
    assert path.read_text() == "two\n"


def test_directory_gone_and_back(path: Path) -> None:
    """Without its directory each line fails; it works again when the directory is back."""
    folder = path.parent / "log"
    folder.mkdir()
    made = write(folder / "knockd.log", "one")
    (folder / "knockd.log").unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        made.write("lost")
    folder.mkdir()
    made.write("two")
    assert (folder / "knockd.log").read_text() == "two\n"


def test_renamed_where_no_file_can_be_made(path: Path) -> None:
    """A file that was renamed and cannot be made anew goes on being written, as by 0.8."""
    folder, moved = path.parent / "log", path.parent / "moved"
    folder.mkdir()
    made = write(folder / "knockd.log", "one")
    folder.rename(moved)
    made.write("two")
    assert (moved / "knockd.log").read_text() == "one\ntwo\n"


def test_full_disk(path: Path) -> None:
    """A line that is cut off fails, and the next one begins a line of its own."""
    made = write(path, "one")
    with at_most(len("one\nlo")), pytest.raises(OSError, match="File too large"):
        made.write("lost")
    made.write("two")
    assert path.read_text() == "one\nlo\ntwo\n"


def test_full_disk_for_long(path: Path) -> None:
    """However many lines fail, what was cut off is ended once, and no empty line appears."""
    made = write(path, "one")
    for size in (len("one\nlo"), len("one\nlo"), len("one\nlo\n"), len("one\nlo\nl")):
        with at_most(size), pytest.raises(OSError, match="File too large"):
            made.write("lost")
    made.write("two")
    assert path.read_text() == "one\nlo\nl\ntwo\n"


def test_cut_off_by_the_last_run(path: Path) -> None:
    """A line that an earlier daemon could not finish is not continued."""
    path.write_text("one\nlo")
    write(path, "two")
    assert path.read_text() == "one\nlo\ntwo\n"


def test_truncated_after_it_was_cut_off(path: Path) -> None:
    """A file that was emptied begins with a line, not with an empty one."""
    made = write(path)
    with at_most(2), pytest.raises(OSError, match="File too large"):
        made.write("lost")
    os.truncate(path, 0)
    made.write("two")
    assert path.read_text() == "two\n"


def test_reopening_leaks_nothing(path: Path) -> None:
    """Opening anew, for whatever reason, closes what was open."""
    made = write(path, "one")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        made.reopen()
        path.unlink()
        made.write("two")
    after = len(os.listdir("/proc/self/fd"))
    made.close()
    assert (after, len(os.listdir("/proc/self/fd"))) == (before, before - 1)


def refused(path: Path) -> str:
    """Why the file is not opened; nothing is left open."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=r".") as error:
        log(path).reopen()
    assert os.listdir("/proc/self/fd") == before
    return str(error.value.strerror)


def _directory(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _full(path: Path) -> None:
    path.symlink_to("/dev/full")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(_directory, "Is a directory"), (_fifo, "No such device or address")],
    ids=["directory", "fifo without reader"],
)
def test_impossible(path: Path, make: Callable[[Path], None], reason: str) -> None:
    """What can take no lines is refused at once, and the error says what it is."""
    make(path)
    assert refused(path) == reason


def test_device(path: Path) -> None:
    """A device is written, and an error of its own is passed on."""
    _full(path)
    with pytest.raises(OSError, match="No space left") as error:
        write(path, "lost")
    assert error.value.errno == errno.ENOSPC


def test_standard_output(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """/dev/stdout, a link to a link of the kernel, is a log file as in containers."""
    write(Path("/dev/stdout"), "one")
    assert (capfd.readouterr().out, path.exists()) == ("one\n", False)


def test_fifo_that_is_full(path: Path) -> None:
    """A named pipe that nobody empties makes no line wait."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    made = log(path)
    with pytest.raises(BlockingIOError):
        made.write("x" * 1_000_000)
    os.close(reader)


def test_link_of_ours(path: Path) -> None:
    """A link that root made in a directory of root leads to the log, wherever that is."""
    target = path.parent / "elsewhere.log"
    path.symlink_to(target.name)
    made = write(path, "one")
    target.rename(path.parent / "rotated")
    made.write("two")
    assert (target.read_text(), path.is_symlink()) == ("two\n", True)


def test_link_loop(path: Path) -> None:
    """Links in a circle end."""
    path.symlink_to(path.name)
    assert refused(path) == "Too many levels of symbolic links"


def test_link_where_others_write(shared: Path) -> None:
    """In a directory like /tmp no link is followed: who made it is not told by its owner for long."""
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


def test_swapped_under_way(shared: Path) -> None:
    """A link that took the file's name while it was open is not followed; the file itself goes on."""
    victim, moved = shared.parent / "victim", shared.with_suffix(".1")
    made = write(shared, "one")
    shared.rename(moved)
    shared.symlink_to(victim)
    made.write("two")
    assert (moved.read_text(), victim.exists()) == ("one\ntwo\n", False)


def test_stamp(path: Path) -> None:
    """The classic file has 0.8's stamp in front of each line."""
    LogFile(str(path), stamped=True).write("one")
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] one\n", path.read_text())
