"""Which knockd run on this host, and whether two of them listen in one place.

World: /proc.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from knockd.doctor.findings import Finding, Looked
from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable

SUBJECT = "daemons"
_NAME = "knockd"
_SERVICE = "/knockd.service"
"""Ends the control group of the service."""

_DELETED = " (deleted)"
"""What Linux puts behind the path of a program that is not there any more."""


class Daemon(NamedTuple):
    """A process whose name is knockd, and that no other one of them started."""

    pid: int
    words: tuple[str, ...]
    program: str = ""
    """Where it is a program of its own, as 0.8 is: its path. Ours is run by Python."""

    service: bool = False
    """Whether it is in the service's control group."""


def look_at_daemons() -> Looked:
    """What was found in this network namespace."""
    daemons, hidden = find_daemons()
    unlooked = (f"{hidden} processes of others: run it as root",) if hidden else ()
    return Looked(SUBJECT, judge_daemons(daemons), unlooked)


def judge_daemons(daemons: Iterable[Daemon]) -> tuple[Finding, ...]:
    """None runs, or several do: then each knock may run its commands as often."""
    daemons = sorted(daemons)
    if not daemons:
        cure = "start it: systemctl start knockd, or without systemd: knockd -d"
        return (Finding("no-daemon", "no knockd runs here", cure),)
    if foreign := judge_foreign(daemons):
        return foreign
    daemons = [one for one in daemons if any(_overlap(one, other) for other in daemons if other is not one)]
    if not daemons:
        return ()
    named = ", ".join(map(_name, daemons))
    cure = "stop all but one; to watch the service use 'knockctl log --follow'"
    return (Finding("second-daemon", f"{len(daemons)} daemons listen here: {named}", cure),)


def judge_foreign(daemons: Iterable[Daemon]) -> tuple[Finding, ...]:
    """Those that are programs of their own: beside ours, each knock runs its commands twice."""
    return tuple(
        Finding(
            "other-daemon",
            f"another knockd runs: {_name(one)} is the program {printable(one.program)}, as knockd 0.8 is",
            "put this one in its place: systemctl restart knockd"
            if one.service
            else f"end it: kill {one.pid}",
        )
        for one in sorted(daemons)
        if one.program
    )


def _name(daemon: Daemon) -> str:
    return f"{daemon.pid} ('{printable(' '.join(daemon.words))[:60]}')"


def _overlap(one: Daemon, other: Daemon) -> bool:
    """Whether both may hear the same knocks: unless each is told by -i to listen elsewhere."""
    first, second = _read_interfaces(one.words), _read_interfaces(other.words)
    return not first or not second or not first.isdisjoint(second) or "any" in first | second


def _read_interfaces(words: Sequence[str]) -> frozenset[str]:
    """The interfaces that a command line names; none: the configuration does."""
    named: set[str] = set()
    for word, following in zip(words[1:], (*words[2:], ""), strict=False):
        if word in ("-i", "--interface"):
            named.update(following.split(","))
        elif word.startswith("--interface="):
            named.update(word.partition("=")[2].split(","))
        elif word.startswith("-i"):
            named.update(word[2:].split(","))
    return frozenset(named)


def find_daemons() -> tuple[list[Daemon], int]:
    """The daemons of this network namespace, and how many of them do not say where they are."""
    found: dict[int, tuple[int, Daemon]] = {}
    hidden = 0
    here = os.stat("/proc/self/ns/net")
    for pid in _find_pids():
        with suppress(OSError):  # it has ended meanwhile
            if _read(pid, "comm").strip() != _NAME:
                continue
            try:
                if not os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), here):
                    continue
            except PermissionError:
                hidden += 1
                continue
            parent = int(_read(pid, "stat").rpartition(")")[2].split()[1])
            found[pid] = parent, _look_at(pid)
    daemons = [one for parent, one in found.values() if parent not in found]
    # 0.8 has a process for each open door. They stay in the service when ours takes its place.
    ours = any(one.service and not one.program for one in daemons)
    return [one for one in daemons if not (ours and one.service and one.program)], hidden


def _look_at(pid: int) -> Daemon:
    words = tuple(filter(None, _read(pid, "cmdline").split("\0")))
    program = os.readlink(f"/proc/{pid}/exe")
    own = os.path.basename(program).removesuffix(_DELETED) == _NAME
    service = any(line.endswith(_SERVICE) for line in _read(pid, "cgroup").splitlines())
    return Daemon(pid, words, program if own else "", service)


def _find_pids() -> Iterator[int]:
    yield from (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _read(pid: int, name: str) -> str:
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
        return file.read(65_536)
