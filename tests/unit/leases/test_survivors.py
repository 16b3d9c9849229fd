"""Survivors: found by their environment, known from what they left, waited for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress

import pytest

from knockd.leases.survivors import LEASE, Survivors, mark
from knockd.leases.values import Verb
from tests.support.doubles.driven_loop import DrivenLoop
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.lab.waiting import wait_until


class Processes:
    """Processes as the runner starts them; all are gone at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._count = 0

    def start(self, *command: str, verb: Verb = "start") -> tuple[str, subprocess.Popen[bytes]]:
        """A process with a lease of its own; returns the lease's id too."""
        self._count += 1
        lease = f"test{os.getpid()}.{self._count}"
        process = subprocess.Popen(
            command,
            env={**os.environ, LEASE: mark(lease, verb)},
            start_new_session=True,
            stdout=subprocess.PIPE,
        )
        self._stack.callback(self._end, process)
        return lease, process

    def end(self) -> None:
        """Ends them all."""
        self._stack.close()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def find(ids: Collection[str]) -> dict[str, tuple[int, Verb]]:
    """The processes that run commands of these leases."""
    return Survivors(ManualLoop().loop).find(ids)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Processes that are gone after the test."""
    made = Processes()
    yield made
    made.end()


def test_found(processes: Processes) -> None:
    """A start command that runs is found by its lease, and only those that are asked for."""
    lease, process = processes.start("sleep", "60")
    processes.start("sleep", "60")
    wait_until(lambda: find([lease]) == {lease: (process.pid, "start")}, 10, "it has been started")
    assert find([lease, "other"]) == {lease: (process.pid, "start")}


def test_stop_command(processes: Processes) -> None:
    """A stop command is distinguished from a start command."""
    lease, process = processes.start("sleep", "60", verb="stop")
    wait_until(lambda: find([lease]) == {lease: (process.pid, "stop")}, 10, "it has been started")


def test_nothing_to_look_for() -> None:
    """Without a lease nothing is looked for."""
    assert find([]) == {}


def test_ended(processes: Processes) -> None:
    """A process that has ended is not found, not even when nobody has waited for it."""
    lease, process = processes.start("true")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert find([lease]) == {}


def test_left_in_the_background(processes: Processes) -> None:
    """What a start command has left in the background is not the command."""
    lease, process = processes.start("sh", "-c", "sleep 60 & echo; exec 1>&-; sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    assert find([lease]) == {lease: (process.pid, "start")}
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert find([lease]) == {}


def test_daemon_of_a_start_command(processes: Processes) -> None:
    """A daemon that a start command has started, with a session of its own, is not taken for it."""
    lease, process = processes.start("sh", "-c", "setsid sh -c 'echo $$; exec sleep 60' & exec sleep 60")
    assert process.stdout is not None
    daemon = int(process.stdout.readline())
    try:
        assert find([lease]) == {lease: (process.pid, "start")}
    finally:
        os.kill(daemon, 9)


def ends(lease: str, pid: int, *, kill: bool = False, before: float = 0.0) -> list[str]:
    """Waits for a process that is killed at once or after ``before`` seconds; returns a word for its end."""
    log: list[str] = []
    loop = DrivenLoop()
    waiting = Survivors(loop)

    def ended() -> None:
        log.append("ended")
        loop.stop()

    waiting.wait_for(lease, pid, ended)
    assert log == []
    if kill:
        waiting.kill(pid)
    if before:
        loop.call_later(before, os.kill, pid, 9)
    loop.call_later(10, loop.stop)
    loop.run()
    loop.close()
    assert loop.faults == []
    return log


def test_waited_for(processes: Processes) -> None:
    """The end of a process that is no child of ours is heard of."""
    lease, process = processes.start("sleep", "60")
    assert ends(lease, process.pid, before=0.01) == ["ended"]


def test_ended_already(processes: Processes) -> None:
    """A process that is gone by the time it is waited for has ended."""
    lease, process = processes.start("true")
    process.communicate()
    assert ends(lease, process.pid) == ["ended"]


def test_killed(processes: Processes) -> None:
    """A survivor is killed with its children."""
    lease, process = processes.start("sh", "-c", "sleep 60 & wait")
    assert ends(lease, process.pid, kill=True) == ["ended"]
    assert process.communicate()[0] == b""  # nobody holds its output any more


def test_killed_when_it_has_ended(processes: Processes) -> None:
    """To kill what has ended does nothing."""
    _, process = processes.start("true")
    process.communicate()
    Survivors(ManualLoop().loop).kill(process.pid)


def test_without_pidfd(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no pidfd its end is heard of as well."""

    def no_pidfd(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", no_pidfd)
    monkeypatch.setattr("knockd.leases.survivors._POLL", 0.01)
    lease, process = processes.start("sleep", "60")
    assert ends(lease, process.pid, before=0.05) == ["ended"]
