"""Runs commands of doors: starts them, waits for them, kills them.

At most ``Max_Commands`` of a door open and as many close at once, the rest wait in FIFO order. A command
has ended when its process has, whoever still holds its output.

World: processes.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from knockd.leases.commands import script, words
from knockd.leases.executables import collect_looks
from knockd.leases.outputs import Output, Outputs
from knockd.leases.slots import CommandSlots
from knockd.leases.spawn import SILENT, spawn
from knockd.process.loop import Loop, Timer
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.model import CommandOutput
from knockd_conf.text import decoded, encoded

MAX_WAITING = 1_024
"""Commands of one door that wait for a free slot."""

MAX_AT_ONCE = 64
"""Commands that run at once when those that close a door are hurried: a small router has to bear it."""

MAX_OUTPUT_LINES = 5
"""Lines of a command's output that are kept for the log."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit statuses a shell gives to a command it cannot run."""

_SHELL = "/bin/sh"
_KILL_AFTER = 2.0
"""Seconds between TERM and KILL for what is past its deadline."""


class CommandLine(NamedTuple):
    """A command ready to run.

    ``door`` is the door that has ``slots`` for it, ``deadline`` seconds until it is killed (0: never).
    ``environment`` is asked for when it starts: at the end of the daemon 65,536 may wait for their turn.
    """

    door: object
    slots: int
    line: str
    environment: Callable[[], Mapping[str, str]]
    deadline: float
    output: CommandOutput = CommandOutput.LOG
    urgent: bool = False
    """It closes a door: its slots are not those that open it, where one may hang; never turned away."""

    @property
    def words(self) -> Sequence[str] | None:
        """Its words when it needs no shell."""
        return words(self.line)

    @property
    def script(self) -> str:
        """What a shell is given to run it."""
        return script(self.line)

    @property
    def slot_key(self) -> tuple[object, bool]:
        """What it shares its slots with."""
        return self.door, self.urgent


class Result(NamedTuple):
    """How a command ended: exit status (128 + N after signal N), first output lines, whether killed."""

    status: int
    output: tuple[str, ...]
    late: bool


@dataclass(slots=True)
class _Job:
    """A command on its way, and who is told of it."""

    command: CommandLine
    on_start: Callable[[], None]
    on_end: Callable[[Result], None]
    on_drop: Callable[[], object]
    pid: int | None = None
    output: Output | None = None
    timer: Timer | None = None
    late: bool = False
    killed: bool = False


class Runner:
    """Starts commands; ``reap`` is to be called on SIGCHLD."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._running: dict[int, _Job] = {}
        self._slots = CommandSlots[tuple[object, bool], _Job]()
        self._outputs = Outputs(loop)
        self._background: dict[int, _Job] = {}
        """Late commands that have ended, until what they left in the background is killed."""
        self._hurried = False
        self._to_do = deque[Callable[[], None]]()
        """Slots to be handed on, commands to be started: one in a turn of the loop, or timers are late."""

    def run(
        self,
        command: CommandLine,
        on_start: Callable[[], None],
        on_end: Callable[[Result], None],
        on_drop: Callable[[], object],
    ) -> bool:
        """Runs a command now or when its door has a slot; False: too many wait already.

        ``on_start`` is called just before it starts, ``on_end`` after it has ended, and ``on_drop``
        instead of both when ``drop_waiting`` has come first.
        """
        job = _Job(command, on_start, on_end, on_drop)
        slots = MAX_AT_ONCE if self._hurried and command.urgent else command.slots
        if self._slots.acquire(command.slot_key, slots):
            self._start(job)
            return True
        return self._slots.enqueue(command.slot_key, job, None if command.urgent else MAX_WAITING)

    def has_room(self, door: object, ahead: int) -> bool:
        """Whether a command that opens a door may wait for a slot at least, when ``ahead`` come first."""
        waiting = self._slots.count_waiting((door, False))
        return not waiting or waiting + ahead < MAX_WAITING

    def reap(self) -> None:
        """Collects every command whose process has ended."""
        collect_looks()
        for pid, job in list(self._running.items()):
            status = _status(job)
            if status is not None:
                del self._running[pid]
                if job.late and not job.killed:
                    self._background[pid] = job
                assert job.output is not None
                self._outputs.read_rest(job.output)
                self._finish(job, status)

    def drop_waiting(self) -> None:
        """Commands that wait for a slot are not run any more, except those that close a door."""
        for job in self._slots.drop(lambda key: not key[1]):  # those that open
            job.on_drop()

    def hurry(self) -> None:
        """What closes a door waits for no slot of its door any more: ``MAX_AT_ONCE`` commands run at once."""
        self._hurried = True
        room = MAX_AT_ONCE - len(self._running)
        for job in self._slots.begin_waiting(lambda key: key[1], max(0, room)):
            self._do_soon(partial(self._start, job))

    def stop(self) -> None:
        """The daemon ends: kills late commands and what they have left; whatever else runs is left alone."""
        late = [job for job in self._running.values() if job.late]
        for job in (*late, *self._background.values()):
            self._kill(job)

    def _start(self, job: _Job) -> None:
        command = job.command
        job.on_start()
        try:
            job.pid, descriptor = _run(command)
        except (OSError, ValueError) as error:
            # ValueError: a null byte, or what no encoding has. One command must not keep others from running.
            reason = error.strerror if isinstance(error, OSError) else str(error)
            program = _SHELL if command.words is None else command.words[0]
            job.output = Output(None, bytearray(f"{program}: {reason}".encode("utf-8", "backslashreplace")))
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._loop.call_soon(self._finish, job, status)
            return
        self._running[job.pid] = job
        job.output = Output(None) if descriptor is None else self._outputs.read_output(descriptor)
        if command.deadline > 0:
            job.timer = self._loop.call_later(command.deadline, self._too_late, job)

    def _too_late(self, job: _Job) -> None:
        assert job.pid is not None
        job.late = True
        _signal_group(job.pid, signal.SIGTERM)
        job.timer = self._loop.call_later(_KILL_AFTER, self._kill, job)

    def _kill(self, job: _Job) -> None:
        """Kills what is left of a late command: itself, or children of it that ignore TERM."""
        assert job.pid is not None
        if job.timer is not None:
            job.timer.cancel()
        job.killed = True
        _signal_group(job.pid, signal.SIGKILL)
        if self._background.pop(job.pid, None) is not None:
            os.waitpid(job.pid, 0)  # it has ended: this takes no time and lets its pid go

    def _finish(self, job: _Job, status: int) -> None:
        if job.timer is not None and not job.late:
            job.timer.cancel()
        self._do_soon(partial(self._hand_on, job.command.slot_key))
        assert job.output is not None
        lines = job.output.kept.decode("utf-8", "replace").splitlines()
        job.on_end(Result(status, tuple(lines[:MAX_OUTPUT_LINES]), job.late))

    def _hand_on(self, slot_key: tuple[object, bool]) -> None:
        """Hands the slot of a command that has ended to the one that waits longest."""
        following = self._slots.release(slot_key)
        if following is not None:
            self._start(following)

    def _do_soon(self, act: Callable[[], None]) -> None:
        self._to_do.append(act)
        if len(self._to_do) == 1:
            self._loop.call_soon(self._do_next)

    def _do_next(self) -> None:
        act = self._to_do.popleft()
        if self._to_do:
            self._loop.call_soon(self._do_next)
        act()


def inherited() -> dict[str, str]:
    """The environment that we were started with; the runner makes the very same bytes of it."""
    return {decoded(name): decoded(value) for name, value in os.environb.items()}


def search_path() -> str | None:
    """Where commands look for programs, folders with colons between them; None: nobody has said."""
    return os.environ.get("PATH")


def _run(command: CommandLine) -> tuple[int, int | None]:
    """Starts a command by a shell, whose program is there at once. Raises what ``spawn`` raises.

    Starting a program waits until it has been read, and one on a disk that hangs would be waited for by us.
    Only where there is no shell a command that needs none is started itself.
    """
    # Bytes, or Python would encode it all as the locale has it, and fail where that lacks a character.
    variables = {encoded(name): encoded(value) for name, value in command.environment().items()}
    try:
        return _spawn((_SHELL.encode(), b"-c", encoded(command.script)), variables, command.output)
    except FileNotFoundError:
        if (found := command.words) is None:
            raise
        return _spawn([encoded(word) for word in found], variables, command.output)


def _spawn(
    argv: Sequence[bytes], environment: Mapping[bytes, bytes], output: CommandOutput
) -> tuple[int, int | None]:
    """Starts a process; returns its pid and the descriptor to read its output from."""
    if output is not CommandOutput.LOG:
        return spawn(argv, environment, SILENT if output is CommandOutput.NONE else None), None
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        pid = spawn(argv, environment, writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return pid, reader


def _status(job: _Job) -> int | None:
    """How a command has ended (128 + N after signal N); None: it runs.

    As long as a late one may have children that live it stays a zombie: its pid is their group's
    number, and nobody else may get it before they are killed.
    """
    assert job.pid is not None
    if not job.late or job.killed:
        pid, waited = os.waitpid(job.pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(waited)
        return None if pid == 0 else status if status >= 0 else 128 - status
    ended = os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The group is gone when the command and all its children have ended by themselves. Where we lack
    # CAP_KILL, as in many containers, one that has become another user goes on to its own end.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
