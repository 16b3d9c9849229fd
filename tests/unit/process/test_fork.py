"""Forks of the daemon: what a child keeps, forgets and sends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knockd.process.fork import collect_child, fork_child, kill_child, open_standard_streams
from tests.support.doubles.driven_loop import DrivenLoop
from tests.support.lab.waiting import PATIENCE, wait_until


def status(main: Callable[[], int], *keep: int, silent: bool = False) -> int:
    """The exit status of a child that runs ``main``."""
    pid = fork_child(main, keep, silent=silent)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("number", [0, 1, 69, 255])
def test_exit_status(number: int) -> None:
    """A child ends with the number that its function returns."""
    assert status(lambda: number) == number


@pytest.mark.parametrize("error", ["ValueError('oh')", "SystemExit(0)", "KeyboardInterrupt()"])
def test_exception(error: str) -> None:
    """A child that raises, whatever it is, ends with 70 and a traceback; it never returns into our code."""
    done = script(
        """
        import os, sys
        from knockd.process.fork import fork_child
        def main():
            raise eval(sys.argv[1])
        pid = fork_child(main, ())
        print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
        error,
    )
    assert (done.stdout, "Traceback" in done.stderr) == (f"ended with {os.EX_SOFTWARE}\n", True)


def test_descriptors(pipe: tuple[int, int]) -> None:
    """A child has the standard three, what it is to keep, and nothing else."""
    _, writer = pipe
    assert status(lambda: int(_open() != {0, 1, 2, writer}), writer) == 0


def test_no_descriptor_to_keep() -> None:
    """A child that is to keep nothing has the standard three."""
    assert status(lambda: int(_open() != {0, 1, 2})) == 0


def _open() -> set[int]:
    found = set()
    for number in range(256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.add(number)
    return found


@pytest.mark.parametrize(("silent", "expected"), [("", "ours\nthe child's\n"), ("yes", "ours\n")])
def test_output(silent: str, expected: str) -> None:
    """What a child prints comes out, once; what a silent child prints is lost."""
    done = script(
        """
        import os, sys
        from knockd.process.fork import fork_child
        print("ours")
        pid = fork_child(lambda: print("the child's") or 0, (), silent=bool(sys.argv[1]))
        os.waitpid(pid, 0)
        """,
        silent,
    )
    assert done.stdout == expected


def test_silent() -> None:
    """A silent child's standard three are the null device."""
    null = os.stat(os.devnull).st_rdev
    assert status(lambda: int(any(os.fstat(n).st_rdev != null for n in (0, 1, 2))), silent=True) == 0


@pytest.mark.parametrize("closed", [(0,), (1,), (1, 2), (0, 1, 2)])
def test_standard_streams_that_are_closed(closed: tuple[int, ...]) -> None:
    """Each becomes the null device, and a program that we start has it: else its first file would be that."""

    def main() -> int:
        os.closerange(min(closed), max(closed) + 1)
        open_standard_streams()
        null = os.stat(os.devnull).st_rdev
        return sum(os.fstat(one).st_rdev != null or not os.get_inheritable(one) for one in closed)

    assert status(main) == 0


def test_signals_of_the_child() -> None:
    """A child of a process with handlers has none of them, ignores SIGINT and blocks nothing."""

    def main() -> int:
        default = all(
            signal.getsignal(n) is signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
        )
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return 0 if default and ignored and not blocked else 1

    before = [(n, signal.signal(n, lambda *_: None)) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    try:
        assert status(main) == 0
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def test_signals_of_the_parent() -> None:
    """The parent blocks no signal after a fork."""
    status(lambda: 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_fork_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """When fork fails the error is raised, and no signal stays blocked."""

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(BlockingIOError):
        fork_child(lambda: 0, ())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_kill_and_collect() -> None:
    """A child that is killed is collected once it has ended; afterwards there is none any more."""

    def wait() -> int:
        signal.pause()
        return 0

    pid = fork_child(wait, ())
    before = collect_child(pid)
    kill_child(pid)
    wait_until(lambda: collect_child(pid))
    assert not before
    assert collect_child(pid)


@pytest.mark.parametrize("error", [ProcessLookupError(3, "gone"), PermissionError(1, "another user's")])
def test_kill_that_fails(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """A child that has gone, or that we may not signal, is no fault of who ends it."""
    signalled = []

    def fail(pid: int, number: int) -> None:
        signalled.append((pid, number))
        raise error

    monkeypatch.setattr(os, "kill", fail)
    kill_child(7)
    assert [(7, signal.SIGKILL)] == signalled


def test_term_of_the_child_is_not_ours(pipe: tuple[int, int]) -> None:
    """A SIGTERM for the child does not reach the handler of the parent's loop."""
    reader, writer = pipe
    heard: list[str] = []

    def main() -> int:
        os.write(writer, b"x")
        signal.pause()
        return 0

    loop = DrivenLoop()
    loop.add_signal_handler(signal.SIGTERM, heard.append, "term")
    pid = fork_child(main, [writer])
    os.read(reader, 1)
    os.kill(pid, signal.SIGTERM)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    loop.wait(0)
    loop.close()
    assert ended == -signal.SIGTERM
    assert heard == []


DAEMON = """
    import os, sys
    from knockd.process.fork import daemonise, report_started
    path, how, parent = sys.argv[1:]
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
    writer = daemonise()
    stray = []
    for number in {*range(64)} - {0, 1, 2, writer}:
        try:
            stray.append(os.fstat(number))
        except OSError:
            pass
    if how == "die":
        os._exit(9)
    report_started(writer, int(how))
    with open(path, "w") as said:
        print("parent", os.getppid() == int(parent), "leader", os.getsid(0) == os.getpid(), file=said)
        print("in", os.getcwd(), "stray", stray, file=said)
        print(*(os.path.realpath(f"/proc/self/fd/{n}") for n in range(3)), file=said)
    os.rename(path, path + ".done")
"""


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python text in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", textwrap.dedent(text), *arguments]
    seconds = 20 * PATIENCE
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=seconds
    )


@pytest.mark.parametrize(("how", "expected"), [("0", 0), ("69", 69), ("die", os.EX_SOFTWARE)])
def test_first_parent(tmp_path: Path, how: str, expected: int) -> None:
    """The first parent ends with what the daemon reports; 70 when it ended without a word."""
    assert script(DAEMON, str(tmp_path / "said"), how, "0").returncode == expected


def test_daemon(tmp_path: Path) -> None:
    """A daemon is no session leader, in /, with nothing open but what it needs, and lets the terminal go."""
    script(DAEMON, str(tmp_path / "said"), "0", str(os.getpid()))
    done = tmp_path / "said.done"
    wait_until(done.exists)
    assert done.read_text().splitlines() == [
        "parent False leader False",
        "in / stray []",
        "/dev/null /dev/null /dev/null",
    ]
