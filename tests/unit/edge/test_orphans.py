"""Start commands without a parent: found by their environment, known from what they left, waited for."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from knockd.edge import orphans
from knockd.engine.journal import State
from knockd.engine.leases import Leases
from knockd.keeper.bookkeeper import Found
from knockd.keeper.recovery import Orphans, Recovery
from tests.support.journals import record
from tests.support.waiting import wait_until


class Nursery:
    """Processes as the runner starts them; all are gone at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._count = 0

    def start(self, *command: str, verb: str = "start") -> tuple[str, subprocess.Popen[bytes]]:
        """A process with a lease of its own; returns the lease's id too."""
        self._count += 1
        lease = f"test{os.getpid()}.{self._count}"
        process = subprocess.Popen(
            command,
            env={**os.environ, orphans.LEASE: orphans.mark(lease, verb)},
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


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """Processes that are gone after the test."""
    made = Nursery()
    yield made
    made.end()


def test_found(nursery: Nursery) -> None:
    """A start command that runs is found by its lease, and only those that are asked for."""
    lease, process = nursery.start("sleep", "60")
    nursery.start("sleep", "60")
    wait_until(lambda: orphans.find([lease]) == {lease: (process.pid, "start")}, 10, "it has been started")
    assert orphans.find([lease, "other"]) == {lease: (process.pid, "start")}


def test_stop_command(nursery: Nursery) -> None:
    """A stop command is told from a start command."""
    lease, process = nursery.start("sleep", "60", verb="stop")
    wait_until(lambda: orphans.find([lease]) == {lease: (process.pid, "stop")}, 10, "it has been started")


def test_nothing_to_look_for() -> None:
    """Without a lease nothing is looked for."""
    assert orphans.find([]) == {}


def test_ended(nursery: Nursery) -> None:
    """A process that has ended is not found, not even when nobody has waited for it."""
    lease, process = nursery.start("true")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert orphans.find([lease]) == {}


def test_left_in_the_background(nursery: Nursery) -> None:
    """What a start command has left in the background is not the command."""
    lease, process = nursery.start("sh", "-c", "sleep 60 & echo; exec 1>&-; sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    assert orphans.find([lease]) == {lease: (process.pid, "start")}
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert orphans.find([lease]) == {}


def test_daemon_of_a_start_command(nursery: Nursery) -> None:
    """A daemon that a start command has started, with a session of its own, is not taken for it."""
    lease, process = nursery.start("sh", "-c", "setsid sh -c 'echo $$; exec sleep 60' & exec sleep 60")
    assert process.stdout is not None
    daemon = int(process.stdout.readline())
    try:
        assert orphans.find([lease]) == {lease: (process.pid, "start")}
    finally:
        os.kill(daemon, 9)


def test_what_an_ended_start_command_has_left(nursery: Nursery) -> None:
    """A daemon that outlives its start command does not keep the door open: its deadline holds."""
    lease, process = nursery.start("sleep", "60")
    wait_until(lambda: orphans.find([lease]) == {lease: (process.pid, "start")}, 10, "it has been started")
    told: list[str] = []
    leases = Leases(run="new")

    async def act() -> None:
        loop = asyncio.get_running_loop()
        recovery = Recovery(
            loop, leases, lambda: 0.0, say=lambda event, **_: told.append(event), do=lambda _: None
        )
        recovery.merge(Found((record(id=lease, state=State.OPEN, deadline=10.0),), same_boot=True))

    asyncio.run(act())
    assert (told, leases.next_deadline()) == (["recovered"], 10.0)


def ends(lease: str, pid: int, *, limit: float = 0.0, before: float = 0.0) -> list[str]:
    """Waits for a process on a loop; what was told."""
    told: list[str] = []

    async def act() -> None:
        over = asyncio.Event()
        waiting = Orphans(asyncio.get_running_loop())

        def ended() -> None:
            told.append("ended")
            over.set()

        waiting.wait(lease, pid, limit, ended=ended, late=lambda: told.append("late"))
        if before:
            asyncio.get_running_loop().call_later(before, os.kill, pid, 9)
        async with asyncio.timeout(10):
            await over.wait()

    asyncio.run(act())
    return told


def test_waited_for(nursery: Nursery) -> None:
    """The end of a process that is no child of ours is heard of."""
    lease, process = nursery.start("sleep", "60")
    assert ends(lease, process.pid, before=0.01) == ["ended"]


def test_ended_already(nursery: Nursery) -> None:
    """A process that is gone by the time it is waited for has ended."""
    lease, process = nursery.start("true")
    process.communicate()
    assert ends(lease, process.pid) == ["ended"]


def test_late(nursery: Nursery) -> None:
    """A start command past its Command_Deadline is killed with its children."""
    lease, process = nursery.start("sh", "-c", "sleep 60 & wait")
    assert ends(lease, process.pid, limit=0.05) == ["late", "ended"]
    assert process.communicate()[0] == b""  # nobody holds its output any more


def test_without_pidfd(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no pidfd its end is heard of as well."""

    def no_pidfd(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", no_pidfd)
    monkeypatch.setattr("knockd.keeper.recovery._POLL", 0.01)
    lease, process = nursery.start("sleep", "60")
    assert ends(lease, process.pid, before=0.05) == ["ended"]
