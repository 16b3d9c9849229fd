"""Standard output: nothing waits for its reader."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from knockd.log.stream import Output, find_journal

F_SETPIPE_SZ = 1031
"""Size of a pipe, linux/fcntl.h."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe as small as there are."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    yield reader, writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("journal", [1, 2])
def test_journal(journal: int, capfd: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001 - two files
    """A stream is the journal when it is what JOURNAL_STREAM says, and not because that is set."""
    status = os.fstat(journal)
    assert find_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}) == {journal}
    assert find_journal({"JOURNAL_STREAM": "1:1"}) == frozenset()
    assert find_journal({}) == frozenset()


def fill(output: Output) -> int:
    """Writes until the reader would have to read; how many lines that took."""
    count = 0
    try:
        while True:
            output.write("x" * 99)
            count += 1
    except BlockingIOError:
        return count


@pytest.mark.parametrize("own", [True, False])
def test_line(pipe: tuple[int, int], own: bool) -> None:
    """A line comes out at once, whole."""
    reader, writer = pipe
    Output(writer, own=own).write("one")
    assert os.read(reader, 100) == b"one\n"


@pytest.mark.parametrize("own", [True, False])
def test_stuck_reader(pipe: tuple[int, int], own: bool) -> None:
    """When the pipe is full lines fail, and work again when somebody has read."""
    reader, writer = pipe
    output = Output(writer, own=own)
    before = fill(output)
    with pytest.raises(BlockingIOError, match="nobody reads it"):
        output.write("lost")
    whole = os.read(reader, 1_000_000)
    output.write("two")
    assert (before > 0, whole.count(b"\n"), os.read(reader, 100)) == (True, before, b"two\n")


def test_line_that_does_not_fit(pipe: tuple[int, int]) -> None:
    """What was cut off is ended by the next line."""
    reader, writer = pipe
    output = Output(writer)
    with pytest.raises(BlockingIOError):
        output.write("x" * 10_000)
    os.read(reader, 1_000_000)
    output.write("two")
    assert os.read(reader, 100) == b"\ntwo\n"


def test_flags_of_the_pipe(pipe: tuple[int, int]) -> None:
    """The pipe itself, which others may share, goes on waiting for its other writers."""
    _, writer = pipe
    fill(Output(writer))
    assert os.get_blocking(writer)


@pytest.mark.parametrize("own", [True, False])
def test_reader_gone(own: bool) -> None:
    """When nobody will ever read the error says so."""
    reader, writer = os.pipe()
    output = Output(writer, own=own)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        output.write("lost")
    output.close()
    os.close(writer)


def test_own_descriptor_is_closed(pipe: tuple[int, int]) -> None:
    """Closing gives back what was opened, and leaves the stream alone."""
    before = os.listdir("/proc/self/fd")
    output = Output(pipe[1])
    output.close()
    output.close()
    assert os.listdir("/proc/self/fd") == before


def test_daemon_holds_nothing(pipe: tuple[int, int]) -> None:
    """A daemon that lets its terminal go has no other descriptor of it."""
    before = len(os.listdir("/proc/self/fd"))
    output = Output(pipe[1], own=False)
    assert (len(os.listdir("/proc/self/fd")), output.name) == (before, f"descriptor {pipe[1]}")


def test_small_alphabet(pipe: tuple[int, int]) -> None:
    """A letter that the terminal's encoding lacks is shown as an escape."""
    reader, writer = pipe
    Output(writer, encoding="ascii").write("T\u00fcr: OPEN SESAME")
    assert os.read(reader, 100) == b"T\\xfcr: OPEN SESAME\n"


def test_names() -> None:
    """Messages name the streams as people do."""
    assert (Output(1).name, Output(2).name) == ("standard output", "standard error")
