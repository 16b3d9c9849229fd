"""Files read as one log: what comes, what is odd, and what is wrong."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from knockd.review import reading
from knockd.review.reading import LogReader


def lines(*minutes: int, ip: str = "192.0.2.7") -> bytes:
    """Lines of 0.8, a Stage 1 at each minute of an hour."""
    return b"".join(f"[2026-11-02 20:{at:02}] {ip}: ssh: Stage 1\n".encode() for at in minutes)


def read(*paths: Path) -> tuple[LogReader, list[str]]:
    """A reader that is done, and the addresses it found."""
    reader = LogReader([str(path) for path in paths])
    return reader, [entry.ip for entry in reader.read_entries()]


def write(path: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path.write_bytes(data)
    return path


def test_files_are_one_log(tmp_path: Path) -> None:
    """Packed or not, entries come in time, and lines are counted over all files."""
    old = write(tmp_path / "log.1.gz", gzip.compress(lines(1, 2, ip="192.0.2.1")))
    new = write(tmp_path / "log", lines(9, ip="192.0.2.2") + b"\njunk\n")
    reader, ips = read(old, new)
    counted = reader.count_lines()
    assert ["192.0.2.1", "192.0.2.1", "192.0.2.2"] == ips
    assert (5, 1, 1, {"classic": 3}) == (counted.total, counted.blank, counted.unread, counted.by_format)
    assert [] == reader.notices
    assert reader.done == reader.size == old.stat().st_size + new.stat().st_size


def test_out_of_order(tmp_path: Path) -> None:
    """Files are read by their first stamps, and that is said when it is not the order they came in."""
    new, old = (
        write(tmp_path / "b", lines(9, ip="192.0.2.2")),
        write(tmp_path / "a", lines(1, ip="192.0.2.1")),
    )
    reader, ips = read(new, old)
    assert ["192.0.2.1", "192.0.2.2"] == ips
    assert ["the files were read in the order of their first stamps, not of their names"] == reader.notices


def test_overlapping(tmp_path: Path) -> None:
    """What two files have both counts once, and that is said."""
    a, b = write(tmp_path / "a", lines(1, 2, 3)), write(tmp_path / "b", lines(1, 2, 3) + lines(4))
    reader, ips = read(a, b)
    assert len(ips) == 4
    expected = f"{a}, {b} overlap in time and were merged; 3 lines are in two of them and count once"
    assert [expected] == reader.notices


def test_the_same_file_twice(tmp_path: Path) -> None:
    """It counts once, under whatever name it comes again."""
    path = write(tmp_path / "a", lines(1))
    os.link(path, tmp_path / "b")
    reader, ips = read(path, tmp_path / "b")
    assert len(ips) == 1
    assert [f"{tmp_path / 'b'} is the same file as {path}, and counts once"] == reader.notices


def test_a_rotation_while_it_is_read(tmp_path: Path) -> None:
    """Files are opened at once: one that gets another name, or goes away, is read all the same."""
    path = write(tmp_path / "log", lines(1, 2))
    reader = LogReader([str(path)])
    path.unlink()
    assert len(list(reader.read_entries())) == 2


def test_files_are_closed(tmp_path: Path) -> None:
    """Nothing stays open, neither what was read nor what came twice."""
    path = write(tmp_path / "a", lines(1))
    before = len(os.listdir("/proc/self/fd"))
    read(path, path, write(tmp_path / "b", b"junk\n"))
    assert before == len(os.listdir("/proc/self/fd"))


def test_stamps_without_a_year(tmp_path: Path) -> None:
    """The year is that in which the file was last written."""
    path = write(tmp_path / "syslog", b"Nov  2 20:13:05 host knockd: 192.0.2.7: ssh: Stage 1\n")
    os.utime(path, (1_606_000_000, 1_606_000_000))
    (entry,) = LogReader([str(path)]).read_entries()
    assert time.localtime(entry.time)[:5] == (2020, 11, 2, 20, 13)


def test_progress(tmp_path: Path) -> None:
    """It is told how many bytes of how many were read, packed as they are."""
    told: list[tuple[int, int]] = []
    a, b = write(tmp_path / "a.gz", gzip.compress(lines(1))), write(tmp_path / "b", lines(2))
    reader = LogReader([str(a), str(b)], report_progress=lambda *how: told.append(how))
    list(reader.read_entries())
    sizes = a.stat().st_size, b.stat().st_size
    assert [(sizes[0], sum(sizes)), (sum(sizes), sum(sizes))] == told


def test_a_pipe(tmp_path: Path) -> None:
    """A pipe is read once, and joined with files by its first stamp."""
    os.mkfifo(tmp_path / "pipe")
    keeps_it_open = os.open(tmp_path / "pipe", os.O_RDWR)
    writer = os.open(tmp_path / "pipe", os.O_WRONLY)
    os.write(writer, lines(1, 9, ip="192.0.2.1"))
    reader = LogReader([str(write(tmp_path / "a", lines(5))), str(tmp_path / "pipe")])
    os.close(writer)
    os.close(keeps_it_open)
    assert ["192.0.2.1", "192.0.2.7", "192.0.2.1"] == [entry.ip for entry in reader.read_entries()]


def test_a_pipe_of_junk(tmp_path: Path) -> None:
    """A pipe without one line of a log is told like a file."""
    os.mkfifo(tmp_path / "pipe")
    keeps_it_open = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(keeps_it_open, b"junk\n")
    reader = LogReader([str(tmp_path / "pipe")])
    os.close(keeps_it_open)
    assert [] == list(reader.read_entries())
    assert "not a log of knockd, none of its 1 lines could be read" in reader.problems[0].text


def test_the_last_line(tmp_path: Path) -> None:
    """A last line without its end is read when it is whole, else it is told."""
    whole, cut = write(tmp_path / "whole", lines(1, 2)[:-1]), write(tmp_path / "cut", lines(1, 2)[:-9])
    assert (len(read(whole)[1]), read(whole)[0].notices) == (2, [])
    reader, ips = read(cut)
    assert len(ips) == 1
    assert [f"{cut}: its last line has no end, and could not be read"] == reader.notices


def test_the_clock_went_back(tmp_path: Path) -> None:
    """A step of the clock is told with its line, and nothing is sorted."""
    path = write(tmp_path / "a", lines(30, 10))
    reader, ips = read(path)
    assert len(ips) == 2
    expected = f"{path}, line 2: the clock went back from 2026-11-02 20:30:00 to 2026-11-02 20:10:00"
    assert [expected] == reader.notices


def test_the_clock_went_back_often(tmp_path: Path) -> None:
    """A machine without a clock of its own gets one notice, not one for each start."""
    path = write(tmp_path / "a", lines(30, 10, 40, 5))
    expected = "line 2: the clock went back 2 times, first from 2026-11-02 20:30:00 to 2026-11-02 20:10:00"
    assert [f"{path}, {expected}"] == read(path)[0].notices


def test_empty(tmp_path: Path) -> None:
    """An empty file is no error: a log is empty after its rotation."""
    reader, _ = read(write(tmp_path / "a", b""))
    assert [f"{tmp_path / 'a'} is empty"] == reader.notices
    assert [] == reader.problems


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b"once upon a time\nthere was\n",
            "not a log of knockd, none of its 2 lines could be read: --unread",
        ),
        (b"\x7fELF\0\0\0\n\0\n", "not a log of knockd, none of its 2 lines could be read: it is binary"),
        (bytes(65 << 20), "no newline in 67,108,864 bytes: this is no log"),
        (b"\x1f\x8b\x09nonsense", "damaged gzip"),
        (gzip.compress(b"x" * 9999, mtime=0)[:-9], "its gzip data ends early"),
    ],
)
def test_what_is_no_log(tmp_path: Path, data: bytes, expected: str) -> None:
    """It is told with what it is, and the other files are read."""
    bad, good = write(tmp_path / "bad", data), write(tmp_path / "good", lines(1))
    reader, ips = read(bad, tmp_path / "gone", good)
    assert len(ips) == 1
    gone, problem = reader.problems
    assert f"{tmp_path / 'gone'}: no such file or directory" == gone.text
    assert problem.text.startswith(f"{bad}: {expected}")
    assert (os.EX_NOINPUT, os.EX_DATAERR) == (gone.status, problem.status)


def test_lines_before_the_damage_are_read(tmp_path: Path) -> None:
    """A packed file that was cut off gives what is there."""
    data = gzip.compress(lines(*range(60)) * 100, compresslevel=0)
    reader, ips = read(write(tmp_path / "a", data[: len(data) // 2]))
    assert len(ips) > 2500
    assert "ends early" in reader.problems[0].text
    assert not [notice for notice in reader.notices if "no end" in notice]


def test_other_programs_lines(tmp_path: Path) -> None:
    """A system log without a line of knockd is no error."""
    path = write(tmp_path / "syslog", b"Nov  2 20:13:05 host sshd[1]: hello\n")
    reader, _ = read(path)
    assert [f"{path}: none of its 1 lines is knockd's"] == reader.notices
    assert [] == reader.problems


def test_unread_lines_are_told(tmp_path: Path) -> None:
    """Each line that could not be read is told with its file and its number, and told once."""
    path = write(tmp_path / "a", b"junk\n" + lines(1) + b"more")
    told: list[tuple[str, int, bytes]] = []
    reader = LogReader([str(path)], tell_unread=lambda *line: told.append(line))
    list(reader.read_entries())
    assert [(str(path), 1, b"junk"), (str(path), 3, b"more")] == told


def test_a_first_entry_far_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose beginning says nothing is read, too."""
    monkeypatch.setattr(reading, "PEEK", 1)
    path = write(tmp_path / "a", b"x" * 1000 + b"\n" + b"junk\n" * 60_000 + lines(1))
    assert len(read(write(tmp_path / "b", lines(2)), path)[1]) == 2


def test_notices_are_bounded(tmp_path: Path) -> None:
    """Of many odd things the first are told."""
    paths = [write(tmp_path / str(at), b"") for at in range(reading.MOST_NOTICES + 5)]
    notices = read(*paths)[0].notices
    assert len(notices) == reading.MOST_NOTICES + 1
    assert "there is more of that kind, which is not said" == notices[-1]
