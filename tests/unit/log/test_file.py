"""The log file: appended to, rotated in every way, full and gone."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knockd.log.file import LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log file that does not exist yet, in a directory that only we can write."""
    tmp_path.chmod(0o755)
    return tmp_path / "knockd.log"


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


def test_reopening_that_fails(path: Path) -> None:
    """A file that cannot be opened anew is said to be so, and stays open while it has a name."""
    folder, moved = path.parent / "log", path.parent / "moved"
    folder.mkdir()
    made = write(folder / "knockd.log", "one")
    folder.rename(moved)
    with pytest.raises(FileNotFoundError):
        made.reopen()
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


def _full(path: Path) -> None:
    path.symlink_to("/dev/full")


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


def test_swapped_under_way(path: Path) -> None:
    """A link that took the file's name while it was open is not followed; the file itself goes on."""
    path.parent.chmod(0o1777)
    victim, moved = path.parent / "victim", path.with_suffix(".1")
    made = write(path, "one")
    path.rename(moved)
    path.symlink_to(victim)
    made.write("two")
    assert (moved.read_text(), victim.exists()) == ("one\ntwo\n", False)


def test_stamp(path: Path) -> None:
    """The classic file has 0.8's stamp in front of each line."""
    LogFile(str(path), stamped=True).write("one")
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] one\n", path.read_text())
