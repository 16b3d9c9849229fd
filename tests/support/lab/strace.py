"""Kills a process at a chosen system call: strace attached to it, with SIGKILL injected on entry.

A process killed as it enters a call has done everything up to the call before and nothing of this
one; so the entries of all calls are all the states that a kill can leave behind.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab.tools import lacking, need
from tests.support.lab.waiting import wait_until

EFFECTS = frozenset(
    {
        *(
            "openat",
            "creat",
            "write",
            "writev",
            "pwrite64",
            "ftruncate",
            "fsync",
            "fdatasync",
            "sync_file_range",
        ),
        *(
            "rename",
            "renameat",
            "renameat2",
            "link",
            "linkat",
            "symlink",
            "unlink",
            "unlinkat",
            "mkdir",
            "rmdir",
        ),
        *("chmod", "fchmod", "flock", "vfork", "fork", "clone", "clone3", "wait4", "waitid", "kill"),
        *("recvfrom", "recvmsg", "sendto", "sendmsg"),
    }
)
"""Calls that change something outside the process."""

_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


@dataclass(frozen=True, slots=True)
class Call:
    """The ``nth`` call of ``name`` since tracing began; ``text`` is how strace showed it."""

    name: str
    nth: int
    text: str = ""

    @property
    def effect(self) -> bool:
        """Whether something outside the process is different after it."""
        return self.name in EFFECTS and (self.name != "openat" or "O_CREAT" in self.text)


def need_strace() -> None:
    """Leave the test where a process that is not one's own child cannot be traced (Yama, seccomp)."""
    need("strace")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as target:
        probe = ["strace", "-o", "/dev/null", "-p", str(target.pid)]
        tracer = subprocess.Popen(probe, stderr=subprocess.PIPE, text=True)
        attached = _attached(target.pid, tracer)
        target.kill()
        said = tracer.communicate()[1].strip()
    if not attached:
        lacking(f"no right to trace another process: {said}")


def parse(text: str) -> list[Call]:
    """The calls of a trace, in order."""
    seen: Counter[str] = Counter()
    calls = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is not None:
            seen[found[1]] += 1
            calls.append(Call(found[1], seen[found[1]], found[0]))
    return calls


def instants(calls: Sequence[Call]) -> list[Call]:
    """The calls to be killed at: before and after each one that has an effect."""
    before = [None, *calls[:-1]]
    return [
        call
        for call, previous in zip(calls, before, strict=True)
        if call.effect or (previous is not None and previous.effect)
    ]


@contextmanager
def recorded(pid: int, trace: Path) -> Iterator[None]:
    """Inside the block every call of a process goes to ``trace``."""
    with attached(pid, "-o", str(trace)):
        yield


@contextmanager
def killed_at(pid: int, call: Call) -> Iterator[None]:
    """A process that makes this call inside the block, counted from its beginning, is killed there.

    What it is doing by itself may be this call: then it is dead before the block begins.
    """
    with attached(pid, "-o", "/dev/null", *injection(call), may_kill=True):
        yield


def injection(call: Call) -> tuple[str, ...]:
    """Options of strace that kill the process that makes this call."""
    return ("-e", f"trace={call.name}", "-e", f"inject={call.name}:signal=SIGKILL:when={call.nth}")


@contextmanager
def attached(pid: int, *options: str, may_kill: bool = False) -> Iterator[None]:
    """Inside the block strace is attached to a process, or (``may_kill``) it has killed that already."""
    command = ["strace", *options, "-p", str(pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        if not _attached(pid, tracer) and not (may_kill and _is_dead(pid)):
            assert tracer.stderr is not None
            raise AssertionError(f"{' '.join(command)}: {tracer.stderr.read()}")
        yield
    finally:
        tracer.terminate()  # it lets go of the process before it ends
        with tracer:
            tracer.wait()


def _attached(pid: int, tracer: subprocess.Popen[str]) -> bool:
    status = Path(f"/proc/{pid}/status")

    def settled() -> bool:
        return f"TracerPid:\t{tracer.pid}\n" in status.read_text() or tracer.poll() is not None

    wait_until(settled, 10, "strace is attached")
    return tracer.poll() is None


def _is_dead(pid: int) -> bool:
    """Whether a child of ours has ended; nobody has collected it yet."""
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
