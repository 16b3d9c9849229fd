"""What a program that this process starts may do. World: this process's status in /proc."""

from __future__ import annotations

import os
from collections.abc import Mapping

from knockd_conf.classes import NamedTuple

CAPABILITIES: Mapping[int, str] = {
    5: "CAP_KILL",
    6: "CAP_SETGID",
    7: "CAP_SETUID",
    12: "CAP_NET_ADMIN",
    13: "CAP_NET_RAW",
    16: "CAP_SYS_MODULE",
    21: "CAP_SYS_ADMIN",
}
"""The capabilities that matter here, by their number in linux/capability.h."""


class Rights(NamedTuple):
    """What a command gets from us: whether it runs as root, and its capabilities by name."""

    root: bool
    capabilities: frozenset[str]


def rights_of_commands(status_path: str = "/proc/self/status") -> Rights:
    """What a program that this process starts may do, from its ``status_path`` (proc(5)).

    It gets what execve(2) leaves: root the bounding set (but under no_new_privs nothing that
    root does not have already), every other user the ambient set. Where ``/proc`` is missing nobody knows:
    all of them, so that no command is said to lack one.
    """
    root = os.geteuid() == 0
    try:
        with open(status_path, encoding="ascii", errors="replace") as status:
            fields = dict(line.split(":", 1) for line in status)
    except OSError:
        return Rights(root, frozenset(CAPABILITIES.values()))
    held = int(fields["CapBnd" if root else "CapAmb"], 16)
    if root and int(fields.get("NoNewPrivs", "0")):
        held &= int(fields["CapPrm"], 16)
    return Rights(root, frozenset(name for number, name in CAPABILITIES.items() if held >> number & 1))
