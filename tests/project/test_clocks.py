"""The wall clock is for people: who reads it, found in the source, and nothing of a lease does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

KNOCKD = Path(__file__).resolve().parents[2] / "knockd"

STAMPS = {
    *("worker/packet_printer.py", "log/stamps.py"),  # stamps of lines
    "worker/poll.py",  # stamps of packets are the kernel's and of the wall clock: it subtracts
}
KEYS = {
    "sequences/kernel_clock.py",  # sequences of keys are of the wall clock, which is judged before it counts
    "sequences/key_child.py",  # the last day of a key is one of the calendar, and a file is older than a use
    "signed/local_time.py",  # the last second of a key is one of the calendar
    "fleet/gateway.py",  # gateways tell each other their wall clocks, to show how far they are apart
}

WALL_CLOCK = {
    *("CLOCK_REALTIME", "CLOCK_TAI", "asctime", "ctime", "datetime", "gmtime", "localtime", "mktime"),
    *("strftime", "time_ns", "utime"),
}
NOT_OF_THE_DAEMON = {"client", "review", "ctl", "doctor", "replay"}
FILE_TIMES = {"st_atime", "st_ctime", "st_mtime", "getmtime", "getctime"}


def names(source: str) -> Iterator[str]:
    """What a module takes from others: attributes and imported names; ``time.time`` in full."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            whole = isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" == "time.time"
            yield "time.time" if whole else node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
            yield from (name.name for name in node.names)


def readers() -> set[str]:
    """Modules of the daemon that read the wall clock, or times that it has set."""
    unwelcome = WALL_CLOCK | FILE_TIMES | {"time.time"}
    found = set()
    for path in KNOCKD.rglob("*.py"):
        outside = path.relative_to(KNOCKD).parts[0] in NOT_OF_THE_DAEMON
        if outside or not unwelcome & set(names(path.read_text())):
            continue
        found.add(str(path.relative_to(KNOCKD)))
    return found


def test_only_stamps_are_of_the_wall_clock() -> None:
    """A jump of the wall clock, as on a router that boots in 1970, can move no lease, timer or attempt."""
    assert readers() == STAMPS | KEYS
