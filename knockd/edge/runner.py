"""Runs commands. The only file that starts processes of other programs.

At most ``Max_Commands`` of a door open and as many close at once, the others wait in order. A command has
ended when its process has, whoever still holds its output; its output is read as long as
somebody may write, so that nothing it started is killed by a closed pipe.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

MAX_WAITING = 1_024
"""Commands of one door that wait for a free place."""

MAX_OUTPUT_LINES = 5
MAX_OUTPUT_BYTES = 1_024
"""How much of a command's output is kept for the log."""

MAX_OPEN_OUTPUTS = 64
"""Outputs kept open for processes that outlive their command."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit statuses a shell gives to a command it cannot run."""

_KILL_AFTER = 2.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Command:
    """A command line ready to run; ``words`` when it needs no shell.

    ``group`` is the door whose places it takes, ``places`` how many there are,
    ``deadline`` seconds until it is killed (0: never).
    """

    group: object
    places: int
    line: str
    words: Sequence[str] | None
    environment: Mapping[str, str]
    deadline: float
    urgent: bool = False
    """It closes a door: its places are not those that open it, where one may hang; never turned away."""

    @property
    def queue(self) -> tuple[object, bool]:
        """What it shares its places with."""
        return self.group, self.urgent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: exit status (128 + N after signal N), first output lines, whether killed."""

    status: int
    output: tuple[str, ...]
    late: bool


@dataclass(slots=True)
class _Job:
    command: Command
    on_start: Callable[[], None]
    on_end: Callable[[Ended], None]
    process: subprocess.Popen[bytes] | None = None
    reader: int | None = None
    """Where its output is read, as long as somebody may write."""
    output: bytearray = field(default_factory=bytearray)
    timer: asyncio.TimerHandle | None = None
    late: bool = False


class Runner:
    """Starts commands on an asyncio loop; ``reap`` is to be called on SIGCHLD."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[int, _Job] = {}
        self._busy: dict[object, int] = {}
        self._waiting: dict[object, deque[_Job]] = {}
        self._orphans: dict[int, _Job] = {}

    def run(self, command: Command, on_start: Callable[[], None], on_end: Callable[[Ended], None]) -> bool:
        """Runs a command now or when its door has a place; False: too many wait already.

        ``on_start`` is called just before it starts, ``on_end`` after it has ended.
        """
        job = _Job(command, on_start, on_end)
        if self._busy.get(command.queue, 0) < command.places:
            self._start(job)
            return True
        waiting = self._waiting.setdefault(command.queue, deque())
        if len(waiting) >= MAX_WAITING and not command.urgent:
            return False
        waiting.append(job)
        return True

    def reap(self) -> None:
        """Collects every command whose process has ended."""
        for pid, job in list(self._running.items()):
            assert job.process is not None
            status = job.process.poll()
            if status is not None:
                del self._running[pid]
                self._read_rest(job)
                self._finish(job, status if status >= 0 else 128 - status)

    def _start(self, job: _Job) -> None:
        command = job.command
        self._busy[command.queue] = self._busy.get(command.queue, 0) + 1
        job.on_start()
        shell = ("/bin/sh", "-c", command.line)
        argv: Sequence[str] = shell
        if command.words is not None and (program := shutil.which(command.words[0])) is not None:
            argv = (program, *command.words[1:])
        try:
            try:
                job.process, job.reader = _spawn(argv, command.environment)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                # A script without "#!" line: a shell reads it itself.
                job.process, job.reader = _spawn(shell, command.environment)
        except OSError as error:
            job.output += f"{argv[0]}: {error.strerror}".encode()
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._loop.call_soon(self._finish, job, status)
            return
        self._running[job.process.pid] = job
        self._loop.add_reader(job.reader, self._read, job)
        if command.deadline > 0:
            job.timer = self._loop.call_later(command.deadline, self._too_late, job)

    def _read(self, job: _Job) -> None:
        if job.reader is None:
            return
        try:
            data = os.read(job.reader, _CHUNK)
        except BlockingIOError:
            return
        job.output += data[: MAX_OUTPUT_BYTES - len(job.output)]
        if not data:
            self._close_output(job)

    def _read_rest(self, job: _Job) -> None:
        """Reads what an ended command said last; who outlives it may write on, up to a bound."""
        self._read(job)  # all that a pipe holds
        self._read(job)  # and its end
        if job.reader is None:
            return
        self._orphans[job.reader] = job
        if len(self._orphans) > MAX_OPEN_OUTPUTS:
            self._close_output(next(iter(self._orphans.values())))

    def _close_output(self, job: _Job) -> None:
        assert job.reader is not None
        self._orphans.pop(job.reader, None)
        self._loop.remove_reader(job.reader)
        os.close(job.reader)
        job.reader = None

    def _too_late(self, job: _Job) -> None:
        assert job.process is not None
        if not job.late:
            job.late = True
            _signal_group(job.process.pid, signal.SIGTERM)
            job.timer = self._loop.call_later(_KILL_AFTER, self._too_late, job)
        else:
            _signal_group(job.process.pid, signal.SIGKILL)

    def _finish(self, job: _Job, status: int) -> None:
        if job.timer is not None:
            job.timer.cancel()
        queue = job.command.queue
        self._busy[queue] -= 1
        if not self._busy[queue]:
            del self._busy[queue]
        if queue in self._waiting:
            following = self._waiting[queue].popleft()
            if not self._waiting[queue]:
                del self._waiting[queue]
            self._start(following)
        lines = job.output.decode("utf-8", "replace").splitlines()
        job.on_end(Ended(status, tuple(lines[:MAX_OUTPUT_LINES]), job.late))


def _spawn(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a process; returns it and the descriptor to read its output from. Raises OSError."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return process, reader


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The group is gone when the command and all its children have ended by themselves.
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
