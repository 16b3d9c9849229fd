"""Files of a log: names in order, and what is opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from knockd.review.files import describe_head, find_rotations, is_rotation, open_source, sort_rotations
from knockd.review.unreadable import Unreadable

IN_ORDER = [
    *("knockd.log-20261030.gz", "knockd.log-20261101", "knockd.log-20261101-1793500000.xz"),
    *("knockd.log.10.gz", "knockd.log.3.xz", "knockd.log.2.zst", "knockd.log.1", "knockd.log"),
]


def refusal(name: str | Path) -> tuple[str, int]:
    """Why a file is not opened, and the status."""
    with pytest.raises(Unreadable) as refused:
        open_source(str(name))
    return str(refused.value), refused.value.status


def test_rotations(tmp_path: Path) -> None:
    """Rotations by number and by date are found, the oldest first, and no other file of the folder."""
    for name in [
        *IN_ORDER,
        "knockd.log.bak",
        "knockd.log.d",
        "other.log.1",
        "xknockd.log",
        "knockd.log.1.txt",
    ]:
        (tmp_path / name).touch()
    assert [str(tmp_path / name) for name in IN_ORDER] == find_rotations(str(tmp_path / "knockd.log"))


def test_rotations_without_the_file(tmp_path: Path) -> None:
    """Between a rotation and the next line the file itself is missing."""
    (tmp_path / "knockd.log.1").touch()
    assert [str(tmp_path / "knockd.log.1")] == find_rotations(str(tmp_path / "knockd.log"))


def test_no_folder(tmp_path: Path) -> None:
    """A folder that cannot be read is told."""
    with pytest.raises(Unreadable, match="nowhere: no such file or directory"):
        find_rotations(str(tmp_path / "nowhere/knockd.log"))


def test_names_of_a_shell() -> None:
    """``knockd.log*`` comes sorted as text, and is read by age; other files stay where they were named."""
    assert IN_ORDER == sort_rotations(sorted(IN_ORDER))
    assert ["b", "knockd.log.1", "knockd.log", "a"] == sort_rotations(
        ["b", "knockd.log", "a", "knockd.log.1"]
    )


@pytest.mark.parametrize("name", ["-", "knockd.log", "2026.log", "knockd.log.20261101"])
def test_what_is_no_rotation(name: str) -> None:
    """A number is behind a dot and short, a date behind a dash."""
    assert not is_rotation(name)


def test_a_file(tmp_path: Path) -> None:
    """A file can be read twice, and knows its size, family and time."""
    path = tmp_path / "knockd.log.1"
    path.write_bytes(b"a\nb")
    source = open_source(str(path))
    assert [b"a\nb"] == list(source.read_chunks())
    source.rewind()
    assert [b"a\nb"] == list(source.read_chunks())
    source.close()
    assert source.size == 3
    assert str(tmp_path / "knockd.log") == source.family
    assert path.stat().st_mtime == source.written


def test_hostile_name(tmp_path: Path) -> None:
    """A name is shown without escapes."""
    path = tmp_path / "a\x1b[2Jb"
    path.touch()
    source = open_source(str(path))
    source.close()
    assert source.name.endswith(r"a\x1b[2Jb")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """The reason says what was seen and what to do."""
    assert ("no such file or directory", os.EX_NOINPUT) == refusal(tmp_path / "gone")
    assert ("a name cannot hold a NUL character", os.EX_NOINPUT) == refusal("a\0b")
    expected = f"it is a directory: name files in it, such as {tmp_path}/*.log"
    assert (expected, os.EX_NOINPUT) == refusal(tmp_path)
    assert ("it is a device or a socket: expected a file or a pipe", os.EX_NOINPUT) == refusal("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert refusal(tmp_path / "socket")[0].startswith("it is a device or a socket")


def test_no_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to read, the message says who may."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "open", refuse)
    expected = "permission denied: run knockctl as root, or as a user who may read it"
    assert (expected, os.EX_NOINPUT) == refusal(tmp_path / "a")


def test_a_pipe(tmp_path: Path) -> None:
    """A pipe with a writer is read to its end; its bytes that were there already come first."""
    os.mkfifo(tmp_path / "pipe")
    keeps_it_open = os.open(tmp_path / "pipe", os.O_RDWR)
    writer = os.open(tmp_path / "pipe", os.O_WRONLY)
    os.write(writer, b"a\n")
    source = open_source(str(tmp_path / "pipe"))
    os.write(writer, b"b")
    os.close(writer)
    os.close(keeps_it_open)
    assert b"a\nb" == b"".join(source.read_chunks())
    assert not source.regular
    source.close()


def test_a_pipe_without_a_writer(tmp_path: Path) -> None:
    """Nobody waits for a writer that may never come."""
    os.mkfifo(tmp_path / "pipe")
    assert ("it is an empty pipe, which nobody writes to", os.EX_NOINPUT) == refusal(tmp_path / "pipe")


def test_an_error_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is told with its own status."""

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "a").touch()
    source = open_source(str(tmp_path / "a"))
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(Unreadable, match="not read to its end: Input/output error") as refused:
        list(source.read_chunks())
    assert os.EX_IOERR == refused.value.status
    source.close()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"LPKSHHRH\0\0", "it is a journal of systemd: journalctl --file FILE"),
        (b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":"1"}', "it is a journal in another form: let journalctl"),
        (b"\xd4\xc3\xb2\xa1\2\0\4\0", "it is a capture: knockd --replay FILE"),
        (b"\x0a\x0d\x0d\x0a\x1c\0", "it is a capture"),
        (b"\xff\xfe[\0", "it is UTF-16: iconv"),
        (b"\x7fELF\2\1\1\0", "it is binary"),
        (b"once upon a time\n", "--unread shows them"),
    ],
)
def test_what_it_is(head: bytes, expected: str) -> None:
    """What is no log is called by its name, with what reads it."""
    assert describe_head(head).startswith(expected)
