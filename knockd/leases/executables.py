"""Whether a program is there and can be executed. A disk that hangs is waited for a moment only.

World: files of programs, the table of mounts and the shell.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable

from knockd.files.mounts import find_disk, read_mounts, stays_on
from knockd.leases.spawn import SILENT, spawn
from knockd_conf.text import encoded

ANSWER = 0.25
"""Seconds for a disk to answer."""

_PAUSE = 0.001
"""Seconds between two looks whether it has."""

_LOOK = (b"/bin/sh", b"-c", b'[ -f "$0" ] && [ -x "$0" ]')

_LONGEST_HEAD = 256
"""Bytes of a script that the kernel looks at (BINPRM_BUF_SIZE of linux/binfmts.h)."""

_looking: dict[str, int] = {}
"""Files that a look has not come back from, each with the process that looks."""


def can_run(program: str, path: str | None) -> bool | None:
    """Whether a program can be executed, or nobody can know; None: its disk does not answer.

    ``path`` has the folders of programs with colons between them; None: the shell chooses.
    """
    if "/" in program:
        return _look(program)
    if path is None:
        return True
    hangs = False
    for place in _places(program, path):
        found = _look(place)
        if found:
            return True
        hangs |= found is None
    if os.path.basename(os.path.realpath("/bin/sh")) == "busybox":  # it may have the program in itself
        return True
    return None if hangs else False


def _places(program: str, path: str) -> Iterable[str]:
    return (os.path.join(folder, program) for folder in path.split(":"))


def _look(file: str) -> bool | None:
    """Looks by another process where the disk may hang; None: that has not come back."""
    if _is_at_home(file):
        return _is_executable(file)
    pid = _looking.pop(file, None) or spawn((*_LOOK, encoded(file)), {}, SILENT)
    deadline = time.monotonic() + ANSWER
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            _looking[file] = pid
            return None
        time.sleep(_PAUSE)
    return ended[1] == 0


def _is_at_home(file: str) -> bool:
    """Whether a file is on the disks of the system and its shell: while those hang no command runs anyway."""
    try:
        table = read_mounts()
    except OSError:  # without /proc nobody knows
        return True
    home = {find_disk(table, one) for one in (b"/", encoded(os.path.realpath("/bin/sh")))}
    return stays_on(os.path.abspath(encoded(file)), home, table, os.readlink)


def _is_executable(file: str) -> bool:
    if not os.path.isfile(file) or not os.access(file, os.X_OK):
        return False
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True  # a file may be executed by who may not read it
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):  # it has just become a FIFO, which may never be ready
            return False
        head = os.read(opened, _LONGEST_HEAD)
    except OSError:
        return True
    finally:
        os.close(opened)
    interpreter = re.match(rb"#![ \t]*([^ \t\n\0]+)", head)  # with the line ends of Windows it has a "\r"
    return interpreter is None or os.access(interpreter[1], os.X_OK)
