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


class Daemon(NamedTuple):
    """A process whose name is knockd, and that no other one of them started."""

    pid: int
    words: tuple[str, ...]


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
    daemons = [one for one in daemons if any(_overlap(one, other) for other in daemons if other is not one)]
    if not daemons:
        return ()
    named = ", ".join(f"{one.pid} ('{printable(' '.join(one.words))[:60]}')" for one in daemons)
    cure = "stop all but one; to watch the service use 'knockctl log --follow'"
    return (Finding("second-daemon", f"{len(daemons)} daemons listen here: {named}", cure),)


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
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
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
            found[pid] = parent, tuple(filter(None, _read(pid, "cmdline").split("\0")))
    return [Daemon(pid, words) for pid, (parent, words) in found.items() if parent not in found], hidden


def _find_pids() -> Iterator[int]:
    yield from (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _read(pid: int, name: str) -> str:
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
        return file.read(65_536)
