"""Commands as real processes: how they end, what they say, what they inherit, when they are killed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest

from knockd.edge import runner
from knockd.edge.runner import Ended
from tests.support.desk import Desk
from tests.support.waiting import wait_until


def test_success(desk: Desk) -> None:
    """A command that works ends with 0 and says nothing."""
    desk.run("true")
    assert desk.wait() == [Ended(0, (), late=False)]


@pytest.mark.parametrize("line", ["echo one two", "echo 'one two'"], ids=["direct", "shell"])
def test_output(desk: Desk, line: str) -> None:
    """What a command says is kept, with or without a shell."""
    desk.run(line)
    assert desk.wait() == [Ended(0, ("one two",), late=False)]


def test_both_outputs(desk: Desk) -> None:
    """Standard output and standard error come in the order in which they were written."""
    desk.run("echo one; echo two >&2; echo three")
    assert desk.wait()[0].output == ("one", "two", "three")


@pytest.mark.parametrize(
    ("line", "status"),
    [("false", 1), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_status(desk: Desk, line: str, status: int) -> None:
    """A command that fails ends with its exit status, after signal N with 128 + N."""
    desk.run(line)
    assert desk.wait()[0].status == status


@pytest.mark.parametrize(
    "line",
    [
        "knockd-no-such-program now",
        "/no/such/program now",
        "/dev/null/no/such/program now",
        "/no/such/program; true && false || exit 127",
    ],
)
def test_missing_program(desk: Desk, line: str) -> None:
    """A program that is missing gives 127 and a line that names it."""
    desk.run(line)
    (ended,) = desk.wait()
    assert (ended.status, "program" in ended.output[0], "not found" in ended.output[0]) == (127, True, True)


@pytest.mark.parametrize("words", ["", " now", "; exit $?"], ids=["alone", "with words", "shell"])
def test_not_executable(desk: Desk, tmp_path: Path, words: str) -> None:
    """A file that is not executable gives 126 and a line that names it."""
    script = tmp_path / "open"
    script.write_text("#!/bin/sh\necho opened\n")
    desk.run(f"{script}{words}")
    (ended,) = desk.wait()
    assert (ended.status, str(script) in ended.output[0]) == (126, True)


def test_directory(desk: Desk, tmp_path: Path) -> None:
    """A directory is no command."""
    desk.run(str(tmp_path))
    assert desk.wait()[0].status == 126


def test_script_without_interpreter(desk: Desk, tmp_path: Path) -> None:
    """An executable script without #! line runs as it does from a shell."""
    script = tmp_path / "open"
    script.write_text('echo opened "$1"\n')
    script.chmod(0o755)
    desk.run(f"{script} now")
    assert desk.wait() == [Ended(0, ("opened now",), late=False)]


def test_missing_interpreter(desk: Desk, tmp_path: Path) -> None:
    """A script whose interpreter is missing gives 127."""
    script = tmp_path / "open"
    script.write_text("#!/no/such/shell\n")
    script.chmod(0o755)
    desk.run(f"{script} now")
    assert desk.wait()[0].status == 127


@pytest.mark.parametrize("line", ["env", "env; true"], ids=["direct", "shell"])
def test_environment(desk: Desk, line: str) -> None:
    """A command has the environment it was given."""
    desk.run(line, environment={"PATH": os.environ["PATH"], "KNOCKD_IP": "192.0.2.1"})
    assert "KNOCKD_IP=192.0.2.1" in desk.wait()[0].output


def test_no_input(desk: Desk) -> None:
    """A command that reads its input is at its end at once."""
    desk.run("cat; echo end")
    assert desk.wait()[0].output == ("end",)


def test_no_stray_descriptors(desk: Desk) -> None:
    """A command inherits the standard three and nothing else (ls itself opens the fourth)."""
    with open(os.devnull) as null:
        os.set_inheritable(null.fileno(), True)
        desk.run("echo $(ls /proc/self/fd)")
        assert desk.wait()[0].output == ("0 1 2 3",)


def test_lines_are_bounded(desk: Desk) -> None:
    """Of many lines the first five are kept."""
    desk.run("seq 100")
    assert desk.wait()[0].output == ("1", "2", "3", "4", "5")


def test_bytes_are_bounded(desk: Desk) -> None:
    """A command that prints megabytes comes to its end, and the first 1,024 bytes are kept."""
    desk.run("head -c 5000000 /dev/zero | tr '\\0' x")
    assert desk.wait() == [Ended(0, ("x" * 1_024,), late=False)]


def test_output_that_is_no_text(desk: Desk) -> None:
    """Bytes that are not UTF-8 are replaced."""
    desk.run("printf 'a\\377b'")
    assert desk.wait()[0].output == ("a\ufffdb",)


def test_output_is_read_to_the_end(desk: Desk) -> None:
    """A command that has ended before anybody looked at its output loses nothing of it."""
    desk.run("echo last words")
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    desk.runner.reap()
    assert desk.ended[0][1].output == ("last words",)


def test_deadline(desk: Desk) -> None:
    """A command that takes too long is ended."""
    desk.run("sleep 60", deadline=0.05)
    assert desk.wait() == [Ended(143, (), late=True)]


def test_deadline_kills_children(desk: Desk) -> None:
    """What a late command has started is ended with it."""
    desk.run("sleep 60 & echo $!; wait", deadline=0.2)
    (ended,) = desk.wait()
    child = Path("/proc", ended.output[0])
    assert wait_until(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text())


def test_deadline_of_a_stubborn_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late command that ignores TERM is killed."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 0.05)
    desk.run("trap '' TERM; echo ready; while :; do sleep 60; done", deadline=0.2)
    assert desk.wait() == [Ended(137, ("ready",), late=True)]


def alive(pid: str) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_deadline_of_a_stubborn_child(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores TERM is killed too, though the command itself has ended at once."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 0.2)
    line = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 60; done' & sleep 61"
    desk.run(line, deadline=1.0)
    (ended,) = desk.wait()
    assert (143, True) == (ended.status, alive(ended.output[0]))
    desk.until(lambda: not alive(ended.output[0]))


def test_group_of_a_late_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pid of a late command stays taken until its group is killed, and no longer: no zombie is left."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 0.2)
    desk.run("echo $$; sleep 60", deadline=1.0)
    (ended,) = desk.wait()
    leader = Path("/proc", ended.output[0])
    held = leader.exists()
    desk.until(lambda: not leader.exists())
    assert held


def test_stop(desk: Desk) -> None:
    """At the end of the daemon what late commands have left is killed without delay."""
    desk.run("sh -c 'trap \"\" TERM; echo $$; while :; do sleep 60; done' & sleep 61", deadline=1.0)
    (ended,) = desk.wait()
    desk.runner.stop()
    wait_until(lambda: not alive(ended.output[0]))


def test_stop_while_a_late_command_still_has_time(desk: Desk, tmp_path: Path) -> None:
    """At the end of the daemon a late command that does not heed TERM is killed without delay."""
    pid, told = tmp_path / "pid", tmp_path / "told"
    desk.run(f"trap 'touch {told}' TERM; echo $$ > {pid}; while :; do sleep 60; done", deadline=1.0)
    desk.until(told.exists)
    before = alive(pid.read_text().strip())
    desk.runner.stop()
    wait_until(lambda: not alive(pid.read_text().strip()))
    assert (before, desk.wait()[0].status) == (True, 137)


def test_in_time(desk: Desk) -> None:
    """A command that ends before its deadline is not late."""
    desk.run("true", deadline=60.0)
    assert desk.wait() == [Ended(0, (), late=False)]


def test_background_process(desk: Desk) -> None:
    """A process that a command leaves behind, holding its output, does not delay the command's end."""
    desk.run("sleep 60 & echo $!")
    (ended,) = desk.wait()
    os.kill(int(ended.output[0]), signal.SIGKILL)
    assert (ended.status, len(ended.output)) == (0, 1)


def test_background_process_may_write(desk: Desk, tmp_path: Path) -> None:
    """A process that a command leaves behind may go on writing and is not killed by it."""
    go, alive = tmp_path / "go", tmp_path / "alive"
    os.mkfifo(go)
    desk.run(f"(read line <{go}; echo late; echo later; touch {alive}) &")
    desk.wait()
    go.write_text("now\n")
    desk.until(alive.exists)


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
    desk: Desk, reads: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process left behind that never stops writing is read at a bounded pace, and not killed by it."""
    monkeypatch.setattr(runner, "_PAUSE_LEFT", 0.1)
    desk.run(f"(exec yes) & echo $! > {tmp_path}/pid")
    desk.wait()
    reads.clear()
    desk.loop.run_until_complete(asyncio.sleep(0.55))
    count = len(reads)
    pid = (tmp_path / "pid").read_text().strip()
    lives = alive(pid)
    os.kill(int(pid), signal.SIGKILL)
    assert lives
    assert 1 <= count <= 6


def test_output_of_a_command_for_ever(desk: Desk, reads: list[int]) -> None:
    """A running command that never stops writing is read at a bounded pace too."""
    desk.run("yes", deadline=0.5)
    desk.wait()
    assert len(reads) <= 60


def test_open_outputs_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes left behind that never write do not pile up open descriptors."""
    monkeypatch.setattr(runner, "MAX_OPEN_OUTPUTS", 2)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(6):
        desk.run("sleep 60 & echo $!")
    children = [int(ended.output[0]) for ended in desk.wait(6)]
    left = len(os.listdir("/proc/self/fd")) - before
    for child in children:
        os.kill(child, signal.SIGKILL)
    assert left == 2


def no_descriptor(flags: int) -> tuple[int, int]:
    """Stands for os.pipe2 when all descriptors are taken."""
    raise OSError(errno.EMFILE, f"no pipe with {flags}")


def test_no_descriptor_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no descriptor for a command's output the command fails; later ones run."""
    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe2", no_descriptor)
        desk.run("true", places=1)
    desk.run("false", places=1)
    assert [ended.status for ended in desk.wait(2)] == [126, 1]
