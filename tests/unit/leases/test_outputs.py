"""Outputs of commands: read to their end, at a bounded pace, and held open for who outlives a command."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from knockd.leases import outputs
from knockd.leases.runner import Result
from tests.support.doubles.run_commands import CommandRuns


def alive(pid: str) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_bytes_are_bounded(runs: CommandRuns) -> None:
    """A command that prints megabytes comes to its end, and the first 1,024 bytes are kept."""
    runs.run("head -c 5000000 /dev/zero | tr '\\0' x")
    assert runs.wait() == [Result(0, ("x" * 1_024,), late=False)]


def test_output_is_read_to_the_end(runs: CommandRuns) -> None:
    """A command that has ended before anybody looked at its output loses nothing of it."""
    runs.run("echo last words")
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    runs.runner.reap()
    assert runs.ended[0][1].output == ("last words",)


def test_descriptor_that_is_not_watched(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel watches no more descriptors a command runs all the same, and is heard at its end."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(runs.loop, "add_reader", refuse)
        runs.run("echo heard")
    assert runs.wait() == [Result(0, ("heard",), late=False)]


def test_background_process(runs: CommandRuns) -> None:
    """A process that a command leaves behind, holding its output, does not delay the command's end."""
    runs.run("sleep 60 & echo $!")
    (ended,) = runs.wait()
    os.kill(int(ended.output[0]), signal.SIGKILL)
    assert ended.status == 0
    assert len(ended.output) == 1


def test_background_process_may_write(runs: CommandRuns, tmp_path: Path) -> None:
    """A process that a command leaves behind may go on writing and is not killed by it."""
    go, alive = tmp_path / "go", tmp_path / "alive"
    os.mkfifo(go)
    runs.run(f"(read line <{go}; echo late; echo later; touch {alive}) &")
    runs.wait()
    go.write_text("now\n")
    runs.until(alive.exists)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each read of this process gave."""
    sizes: list[int] = []
    real = os.read

    def counted(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "read", counted)
    return sizes


def test_output_for_ever(
    runs: CommandRuns, reads: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process left behind that never stops writing is read at a bounded pace, and not killed by it."""
    monkeypatch.setattr(outputs, "_PAUSE_OPEN", 0.1)
    runs.run(f"(exec yes) & echo $! > {tmp_path}/pid")
    runs.wait()
    reads.clear()
    runs.loop.wait(0.55)
    count = len(reads)
    pid = (tmp_path / "pid").read_text().strip()
    lives = alive(pid)
    os.kill(int(pid), signal.SIGKILL)
    assert lives
    assert 1 <= count <= 6


def test_output_of_a_command_for_ever(runs: CommandRuns, reads: list[int]) -> None:
    """A running command that never stops writing is read at a bounded pace too."""
    runs.run("yes", deadline=0.5)
    runs.wait()
    assert len(reads) <= 60


def test_open_outputs_are_bounded(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes left behind that never write do not pile up open descriptors."""
    monkeypatch.setattr(outputs, "MAX_OPEN_OUTPUTS", 2)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(6):
        runs.run("sleep 60 & echo $!")
    children = [int(ended.output[0]) for ended in runs.wait(6)]
    left = len(os.listdir("/proc/self/fd")) - before
    for child in children:
        os.kill(child, signal.SIGKILL)
    assert left == 2


def test_closed_between_two_reads(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that is closed between two reads is not read again."""
    monkeypatch.setattr(outputs, "MAX_OPEN_OUTPUTS", 0)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    made = outputs.Outputs(runs.loop)
    output = made.read_output(reader)
    os.write(writer, b"x")
    made._read(output)  # as the loop does, but the pause cannot have passed yet
    assert output.pause is not None
    made.read_rest(output)
    runs.loop.wait(2 * outputs._PAUSE)
    os.close(writer)
    assert output.descriptor is None
    assert runs.loop.faults == []
