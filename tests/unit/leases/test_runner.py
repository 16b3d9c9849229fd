"""Commands as real processes: how they end, what they say, what they inherit, when they are killed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from knockd.leases import runner
from knockd.leases.runner import Result
from knockd_conf.model import CommandOutput
from tests.support.doubles.run_commands import CommandRuns
from tests.support.lab.waiting import PATIENCE, wait_until


def test_success(runs: CommandRuns) -> None:
    """A command that works ends with 0 and says nothing."""
    runs.run("true")
    assert runs.wait() == [Result(0, (), late=False)]


@pytest.mark.parametrize("line", ["echo one two", "echo 'one two'"], ids=["direct", "shell"])
def test_output(runs: CommandRuns, line: str) -> None:
    """What a command says is kept, with or without a shell."""
    runs.run(line)
    assert runs.wait() == [Result(0, ("one two",), late=False)]


def test_both_outputs(runs: CommandRuns) -> None:
    """Standard output and standard error come in the order in which they were written."""
    runs.run("echo one; echo two >&2; echo three")
    assert runs.wait()[0].output == ("one", "two", "three")


@pytest.mark.parametrize(
    ("output", "shown"), [(CommandOutput.INHERIT, ("one\n", "two\n")), (CommandOutput.NONE, ("", ""))]
)
def test_output_elsewhere(
    runs: CommandRuns, output: CommandOutput, shown: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """What a command says goes where the daemon's own lines go, or nowhere; nothing is kept for the log."""
    runs.run("echo one; echo two >&2; exit 3", output=output)
    assert runs.wait() == [Result(3, (), late=False)]
    assert capfd.readouterr() == shown


@pytest.mark.parametrize(
    ("line", "status"),
    [("false", 1), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_status(runs: CommandRuns, line: str, status: int) -> None:
    """A command that fails ends with its exit status, after signal N with 128 + N."""
    runs.run(line)
    assert runs.wait()[0].status == status


@pytest.mark.parametrize(
    "line",
    [
        "knockd-no-such-program now",
        "/no/such/program now",
        "/dev/null/no/such/program now",
        "/no/such/program; true && false || exit 127",
    ],
)
def test_missing_program(runs: CommandRuns, line: str) -> None:
    """A program that is missing gives 127 and a line that names it."""
    runs.run(line)
    (ended,) = runs.wait()
    assert ended.status == 127
    assert "program" in ended.output[0]
    assert "not found" in ended.output[0]


@pytest.mark.parametrize("words", ["", " now", "; exit $?"], ids=["alone", "with words", "shell"])
def test_not_executable(runs: CommandRuns, tmp_path: Path, words: str) -> None:
    """A file that is not executable gives 126 and a line that names it."""
    script = tmp_path / "open"
    script.write_text("#!/bin/sh\necho opened\n")
    runs.run(f"{script}{words}")
    (ended,) = runs.wait()
    assert ended.status == 126
    assert str(script) in ended.output[0]


@pytest.mark.parametrize("line", ["umask 077", "ulimit -t 5", ": now", "exit 0"])
def test_no_program(runs: CommandRuns, line: str) -> None:
    """What a shell does itself works, though there is no such program."""
    runs.run(line)
    assert runs.wait() == [Result(0, (), late=False)]


def test_no_shell_is_left(runs: CommandRuns) -> None:
    """A command that needs no shell takes its place: it is our child."""
    runs.run("grep PPid /proc/self/status")
    assert runs.wait() == [Result(0, (f"PPid:\t{os.getpid()}",), late=False)]


def test_without_a_shell(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no shell a command that needs none is run all the same; another one is not."""
    monkeypatch.setattr("knockd.leases.runner._SHELL", "/no/such/shell")
    runs.run("echo one two")
    assert runs.wait() == [Result(0, ("one two",), late=False)]
    runs.run("echo one; echo two")
    assert runs.wait(2)[1] == Result(127, ("/no/such/shell: No such file or directory",), late=False)


def test_directory(runs: CommandRuns, tmp_path: Path) -> None:
    """A directory is no command."""
    runs.run(str(tmp_path))
    assert runs.wait()[0].status == 126


def test_script_without_interpreter(runs: CommandRuns, tmp_path: Path) -> None:
    """An executable script without #! line runs as it does from a shell."""
    script = tmp_path / "open"
    script.write_text('echo opened "$1"\n')
    script.chmod(0o755)
    runs.run(f"{script} now")
    assert runs.wait() == [Result(0, ("opened now",), late=False)]


def test_missing_interpreter(runs: CommandRuns, tmp_path: Path) -> None:
    """A script whose interpreter is missing gives 127."""
    script = tmp_path / "open"
    script.write_text("#!/no/such/shell\n")
    script.chmod(0o755)
    runs.run(f"{script} now")
    assert runs.wait()[0].status == 127


@pytest.mark.parametrize("line", ["env", "env; true"], ids=["direct", "shell"])
def test_environment(runs: CommandRuns, line: str) -> None:
    """A command has the environment it was given."""
    runs.run(line, environment={"PATH": os.environ["PATH"], "KNOCKD_IP": "192.0.2.1"})
    assert "KNOCKD_IP=192.0.2.1" in runs.wait()[0].output


def test_no_input(runs: CommandRuns) -> None:
    """A command that reads its input is at its end at once."""
    runs.run("cat; echo end")
    assert runs.wait()[0].output == ("end",)


def test_no_stray_descriptors(runs: CommandRuns) -> None:
    """A command inherits the standard three and nothing else (ls itself opens the fourth)."""
    with open(os.devnull) as null:
        os.set_inheritable(null.fileno(), True)
        runs.run("echo $(ls /proc/self/fd)")
        assert runs.wait()[0].output == ("0 1 2 3",)


def test_lines_are_bounded(runs: CommandRuns) -> None:
    """Of many lines the first five are kept."""
    runs.run("seq 100")
    assert runs.wait()[0].output == ("1", "2", "3", "4", "5")


def test_output_that_is_no_text(runs: CommandRuns) -> None:
    """Bytes that are not UTF-8 are replaced."""
    runs.run("printf 'a\\377b'")
    assert runs.wait()[0].output == ("a\ufffdb",)


def test_deadline(runs: CommandRuns) -> None:
    """A command that takes too long is ended."""
    runs.run("sleep 60", deadline=0.05)
    assert runs.wait() == [Result(143, (), late=True)]


def test_deadline_kills_children(runs: CommandRuns) -> None:
    """What a late command has started is ended with it."""
    runs.run("sleep 600 & echo $!; wait", deadline=0.2 * PATIENCE)
    (ended,) = runs.wait()
    child = Path("/proc", ended.output[0])
    assert wait_until(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text())


def test_deadline_of_a_stubborn_command(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late command that ignores TERM is killed."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 0.05)
    runs.run("trap '' TERM; echo ready; while :; do sleep 60; done", deadline=0.2 * PATIENCE)
    assert runs.wait() == [Result(137, ("ready",), late=True)]


def alive(pid: str) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_deadline_of_a_stubborn_child(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores TERM is killed too, though the command itself has ended at once."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 0.2)
    line = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 60; done' & sleep 601"
    runs.run(line, deadline=1.0 * PATIENCE)
    (ended,) = runs.wait()
    assert 143 == ended.status
    assert alive(ended.output[0])
    runs.until(lambda: not alive(ended.output[0]))


def test_group_of_a_late_command(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pid of a late command stays taken until its group is killed, and no longer: no zombie is left."""
    monkeypatch.setattr(runner, "_KILL_AFTER", 1.0)
    runs.run("echo $$; sleep 60", deadline=1.0 * PATIENCE)
    (ended,) = runs.wait()
    leader = Path("/proc", ended.output[0])
    held = leader.exists()
    runs.until(lambda: not leader.exists())
    assert held


def test_stop(runs: CommandRuns) -> None:
    """At the end of the daemon what late commands have left is killed without delay."""
    runs.run("sh -c 'trap \"\" TERM; echo $$; while :; do sleep 60; done' & sleep 61", deadline=1.0)
    (ended,) = runs.wait()
    runs.runner.stop()
    wait_until(lambda: not alive(ended.output[0]))


def test_stop_while_a_late_command_still_has_time(runs: CommandRuns, tmp_path: Path) -> None:
    """At the end of the daemon a late command that does not heed TERM is killed without delay."""
    pid, terminated = tmp_path / "pid", tmp_path / "terminated"
    runs.run(f"trap 'touch {terminated}' TERM; echo $$ > {pid}; while :; do sleep 60; done", deadline=1.0)
    runs.until(terminated.exists)
    before = alive(pid.read_text().strip())
    runs.runner.stop()
    wait_until(lambda: not alive(pid.read_text().strip()))
    assert before
    assert runs.wait()[0].status == 137


def test_late_command_that_we_may_not_kill(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late command of another user, without CAP_KILL, runs to its own end, and is late and collected."""

    def forbid(pid: int, number: int) -> None:
        raise PermissionError(1, f"Operation not permitted: {pid}, {number}")

    monkeypatch.setattr(runner, "_KILL_AFTER", 0.1)
    monkeypatch.setattr(os, "killpg", forbid)
    runs.run("echo $$; sleep 0.5; exit 3", deadline=0.1)
    (ended,) = runs.wait()
    assert ended.late
    assert 3 == ended.status
    runs.until(lambda: not Path("/proc", ended.output[0]).exists())


def test_in_time(runs: CommandRuns) -> None:
    """A command that ends before its deadline is not late."""
    runs.run("true", deadline=60.0)
    assert runs.wait() == [Result(0, (), late=False)]


def no_descriptor(flags: int) -> tuple[int, int]:
    """Stands for os.pipe2 when all descriptors are taken."""
    raise OSError(errno.EMFILE, f"no pipe with {flags}")


def test_no_descriptor_left(runs: CommandRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no descriptor for a command's output the command fails; later ones run."""
    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe2", no_descriptor)
        runs.run("true", slots=1)
    runs.run("false", slots=1)
    assert [ended.status for ended in runs.wait(2)] == [126, 1]
