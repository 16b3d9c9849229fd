"""Processes as the kernel shows them (proc(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.support.lab.waiting import wait_until


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def only_child(pid: int) -> int:
    """The child of a process, once there is no other one: of a daemon the packet process.

    Commands and the children that read something are children too, and end.
    """

    def alone() -> list[int] | None:
        found = children(pid)
        return found if len(found) == 1 else None

    return wait_until(alone, 10, f"one child of {pid}")[0]


def find_by_argument(word: str) -> set[int]:
    """The processes that have this word on their command line: of ours the daemon, not its packet process.

    A child that has it too is left out: it is about to become the command of a door.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if word.encode() in path.read_bytes().split(b"\0"):
                pid = int(path.parts[2])
                found[pid] = int(status(pid)["PPid"][0])
    return {pid for pid, parent in found.items() if parent not in found}


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status(pid: int) -> dict[str, list[str]]:
    """The fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def limits(pid: int) -> dict[str, tuple[str, str]]:
    """Soft and hard limits by the names of /proc/PID/limits."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    split = [(line[:25].strip(), line[25:].split()) for line in lines]
    return {name: (values[0], values[1]) for name, values in split}


def descriptors(pid: int) -> dict[int, str]:
    """What each open descriptor is: a path, or of a socket its kind (unix, packet)."""
    folder = f"/proc/{pid}/fd"
    found = {int(name): os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
    kinds = {inode: kind for kind in ("unix", "packet") for inode in _inodes(pid, kind)}
    return {number: kinds.get(target, target) for number, target in sorted(found.items())}


def _inodes(pid: int, kind: str) -> set[str]:
    column = {"unix": 6, "packet": 8}[kind]
    rows = [line.split() for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]]
    return {f"socket:[{row[column]}]" for row in rows}
