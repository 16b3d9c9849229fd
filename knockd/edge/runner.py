"""Runs commands. The only file that starts processes of other programs.

At most ``Max_Commands`` of a door open and as many close at once, the others wait in order. A command has
ended when its process has, whoever still holds its output; its output is read as long as
somebody may write, so that nothing it started is killed by a closed pipe, but no faster than
a bound: what is written for ever costs us next to nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from knockd.engine.commands import decoded, encoded
from knockd.engine.places import Places

MAX_WAITING = 1_024
"""Commands of one door that wait for a free place."""

MAX_OUTPUT_LINES = 5
MAX_OUTPUT_BYTES = 1_024
"""How much of a command's output is kept for the log."""

MAX_OPEN_OUTPUTS = 64
"""Outputs kept open for processes that outlive their command."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit statuses a shell gives to a command it cannot run."""

_SHELL = "/bin/sh"
_FOR_A_SHELL = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.ENOEXEC}
)
"""Errors of execve(2) that a shell deals with: it says what is missing or may not be run, with the
statuses above, and reads a script without "#!" line itself."""

_KILL_AFTER = 2.0
"""Seconds between TERM and KILL for what is past its deadline."""

_CHUNK = 65_536
"""Bytes read at once: all that a pipe holds."""

_PAUSE, _PAUSE_LEFT = 0.01, 1.0
"""Seconds between two reads of a command's output, and of that of a process it has left behind:
some 6 MB and 64 KiB a second at most."""


class Command(NamedTuple):
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


class Ended(NamedTuple):
    """How a command ended: exit status (128 + N after signal N), first output lines, whether killed."""

    status: int
    output: tuple[str, ...]
    late: bool


@dataclass(slots=True)
class _Job:
    command: Command
    on_start: Callable[[], None]
    on_end: Callable[[Ended], None]
    on_drop: Callable[[], object]
    process: subprocess.Popen[bytes] | None = None
    reader: int | None = None
    """Where its output is read, as long as somebody may write."""
    output: bytearray = field(default_factory=bytearray)
    pause: asyncio.TimerHandle | None = None
    """Until its output is read on."""
    timer: asyncio.TimerHandle | None = None
    late: bool = False
    killed: bool = False


class Runner:
    """Starts commands on an asyncio loop; ``reap`` is to be called on SIGCHLD."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[int, _Job] = {}
        self._places = Places[tuple[object, bool], _Job]()
        self._orphans: dict[int, _Job] = {}
        self._remains: dict[int, _Job] = {}
        """Late commands that have ended themselves, until what they started is killed."""

    def run(
        self,
        command: Command,
        on_start: Callable[[], None],
        on_end: Callable[[Ended], None],
        on_drop: Callable[[], object],
    ) -> bool:
        """Runs a command now or when its door has a place; False: too many wait already.

        ``on_start`` is called just before it starts, ``on_end`` after it has ended, and ``on_drop``
        instead of both when ``drop_waiting`` has come first.
        """
        job = _Job(command, on_start, on_end, on_drop)
        if self._places.take(command.queue, command.places):
            self._start(job)
            return True
        return self._places.wait(command.queue, job, None if command.urgent else MAX_WAITING)

    def reap(self) -> None:
        """Collects every command whose process has ended."""
        for pid, job in list(self._running.items()):
            status = _status(job)
            if status is not None:
                del self._running[pid]
                if job.late and not job.killed:
                    self._remains[pid] = job
                self._read_rest(job)
                self._finish(job, status)

    def drop_waiting(self) -> None:
        """Commands that wait for a place are not run any more, except those that close a door."""
        for job in self._places.drop(lambda queue: not queue[1]):  # those that open
            job.on_drop()

    def stop(self) -> None:
        """The daemon ends: kills late commands and what they have left; whatever else runs is left alone."""
        late = [job for job in self._running.values() if job.late]
        for job in (*late, *self._remains.values()):
            self._kill(job)

    def _start(self, job: _Job) -> None:
        command = job.command
        job.on_start()
        try:
            job.process, job.reader = _run(command)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            # ValueError: a null byte, or what no encoding has. One command must not keep others from running.
            reason = error.strerror if isinstance(error, OSError) else str(error)
            program = _SHELL if command.words is None else command.words[0]
            job.output += f"{program}: {reason}".encode("utf-8", "backslashreplace")
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._loop.call_soon(self._finish, job, status)
            return
        self._running[job.process.pid] = job
        self._loop.add_reader(job.reader, self._read, job)
        if command.deadline > 0:
            job.timer = self._loop.call_later(command.deadline, self._too_late, job)

    def _read(self, job: _Job) -> None:
        """Reads what a command or what it left behind has said, and then pauses."""
        if self._take(job):
            self._rest(job)

    def _take(self, job: _Job) -> bool:
        """Reads some output; False: there is none now, or never again."""
        if job.reader is None:
            return False
        try:
            data = os.read(job.reader, _CHUNK)
        except BlockingIOError:
            return False
        job.output += data[: MAX_OUTPUT_BYTES - len(job.output)]
        if not data:
            self._close_output(job)
        return bool(data)

    def _rest(self, job: _Job) -> None:
        assert job.reader is not None
        if job.pause is not None:
            job.pause.cancel()
        self._loop.remove_reader(job.reader)
        seconds = _PAUSE_LEFT if job.reader in self._orphans else _PAUSE
        job.pause = self._loop.call_later(seconds, self._read_on, job)

    def _read_on(self, job: _Job) -> None:
        assert job.reader is not None
        job.pause = None
        self._loop.add_reader(job.reader, self._read, job)

    def _read_rest(self, job: _Job) -> None:
        """Reads what an ended command said last; who outlives it may write on, up to a bound."""
        more = self._take(job) and self._take(job)  # all that a pipe holds, and its end
        if job.reader is None:
            return
        self._orphans[job.reader] = job
        if more:
            self._rest(job)
        if len(self._orphans) > MAX_OPEN_OUTPUTS:
            self._close_output(next(iter(self._orphans.values())))

    def _close_output(self, job: _Job) -> None:
        assert job.reader is not None
        if job.pause is not None:
            job.pause.cancel()
            job.pause = None
        self._orphans.pop(job.reader, None)
        self._loop.remove_reader(job.reader)
        os.close(job.reader)
        job.reader = None

    def _too_late(self, job: _Job) -> None:
        assert job.process is not None
        job.late = True
        _signal_group(job.process.pid, signal.SIGTERM)
        job.timer = self._loop.call_later(_KILL_AFTER, self._kill, job)

    def _kill(self, job: _Job) -> None:
        """Kills what is left of a late command: itself, or children of it that ignore TERM."""
        assert job.process is not None
        if job.timer is not None:
            job.timer.cancel()
        job.killed = True
        _signal_group(job.process.pid, signal.SIGKILL)
        if self._remains.pop(job.process.pid, None) is not None:
            job.process.wait()  # it has ended: this takes no time and lets its pid go

    def _finish(self, job: _Job, status: int) -> None:
        if job.timer is not None and not job.late:
            job.timer.cancel()
        following = self._places.leave(job.command.queue)
        if following is not None:
            self._start(following)
        lines = job.output.decode("utf-8", "replace").splitlines()
        job.on_end(Ended(status, tuple(lines[:MAX_OUTPUT_LINES]), job.late))


def inherited() -> dict[str, str]:
    """The environment that we were started with; the runner makes the very same bytes of it."""
    return {decoded(name): decoded(value) for name, value in os.environb.items()}


def _run(command: Command) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a command, by a shell when it needs one. Raises what Popen raises."""
    # Bytes, or Popen would encode it all as the locale has it, and fail where that lacks a character.
    variables = {encoded(name): encoded(value) for name, value in command.environment.items()}
    if command.words is not None:
        try:
            return _spawn([encoded(word) for word in command.words], variables)
        except OSError as error:
            if error.errno not in _FOR_A_SHELL:
                raise
    return _spawn((_SHELL.encode(), b"-c", encoded(command.line)), variables)


def _spawn(argv: Sequence[bytes], environment: Mapping[bytes, bytes]) -> tuple[subprocess.Popen[bytes], int]:
    """Starts a process; returns it and the descriptor to read its output from. Raises what Popen raises."""
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
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return process, reader


def _status(job: _Job) -> int | None:
    """How a command has ended (128 + N after signal N); None: it runs.

    As long as a late one may have children that live it stays a zombie: its pid is their group's
    number, and nobody else may get it before they are killed.
    """
    assert job.process is not None
    if not job.late or job.killed:
        status = job.process.poll()
        return status if status is None or status >= 0 else 128 - status
    ended = os.waitid(os.P_PID, job.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The group is gone when the command and all its children have ended by themselves.
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
