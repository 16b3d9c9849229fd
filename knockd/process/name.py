"""The names by which pidof, ps, pgrep and killall know our processes: one of them alone is ``knockd``.

They look at the kernel's name of a process and at its command line, which begins with Python in our case.

World: the name of this process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

PACKETS, HELPER, INIT, STARTER = "knock-packets", "knock-helper", "knock-init", "knock-start"
"""``pgrep knockd`` looks for a part of the name: none of these has it. The kernel keeps 15 characters."""

_ARG_START, _ARG_END = 48 - 3, 49 - 3
"""Fields of /proc/PID/stat (proc(5)), counted from the one behind the name."""


def name_daemon(argv: Sequence[str]) -> None:
    """Gives this process the name and the command line that knockd 0.8 has with the same ``argv``."""
    program = argv[0] if os.path.basename(argv[0]) == "knockd" else "knockd"  # python -m knockd
    name_process("knockd", (program, *argv[1:]))


def name_process(name: str, argv: Sequence[str] = ()) -> None:
    """Names this process; ``argv`` is its command line (default: the name alone).

    Without a /proc that can be written, it keeps the names that it has: nothing depends on them here.
    """
    with suppress(OSError, IndexError):  # QEMU's user emulation shows fewer fields
        _write("/proc/self/comm", name.encode())
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        text = b"".join(os.fsencode(word) + b"\0" for word in argv or (name,))
        # The last byte stays 0, or the kernel would take the environment for a part of it.
        _write("/proc/self/mem", text[: max(0, end - start - 1)].ljust(end - start, b"\0"), start)


def _write(path: str, data: bytes, offset: int = 0) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if offset:
            os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
