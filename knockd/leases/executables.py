"""Whether a program is there and can be executed. A disk that hangs is waited for a moment only.

What is on the disks of the system and its shell is looked at here: while those hang no command runs anyway.
At all else another process looks.

World: files of programs, the table of mounts and forks.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from functools import lru_cache, partial

from knockd.files.mounts import Disks, read_mounts
from knockd.process.fork import fork_child
from knockd_conf.text import encoded

ANSWER = 1.0
"""Seconds for a disk to answer: also on a slow processor that has much else to do."""

_PAUSE = 0.001
"""Seconds between two looks whether it has."""

_LONGEST_HEAD = 256
"""Bytes of a script that the kernel looks at (BINPRM_BUF_SIZE of linux/binfmts.h)."""

_read_disks = lru_cache(maxsize=1)(Disks)
"""The disks of a table, which is read anew when something has been mounted."""

_looking: dict[str, int] = {}
"""Files that a look has not come back from, each with the process that looks."""


def can_run(program: str, path: str | None) -> bool | None:
    """Whether a program can be executed, or nobody can know; None: its disk does not answer.

    ``path`` has the folders of programs with colons between them; None: the shell chooses.
    """
    if "/" not in program and path is None:
        return True
    is_at_home = _find_home()
    if "/" in program:
        return _look(program, is_at_home)
    hangs = False
    for place in _places(program, path or ""):
        found = _look(place, is_at_home)
        if found:
            return True
        hangs |= found is None
    if os.path.basename(os.path.realpath("/bin/sh")) == "busybox":  # it may have the program in itself
        return True
    return None if hangs else False


def collect_looks() -> None:
    """Collects looks that have come back too late; call it on SIGCHLD."""
    for file, pid in list(_looking.items()):
        if _wait(pid) is not None:
            del _looking[file]


def _places(program: str, path: str) -> Iterable[str]:
    return (os.path.join(folder, program) for folder in path.split(":"))


def _find_home() -> Callable[[str], bool]:
    """What says whether a file, and all that leads to it, is on the disks of the system and its shell."""
    try:
        disks = _read_disks(read_mounts())
    except OSError:  # without /proc nobody knows
        return lambda _: True
    home = {disks.find(one) for one in (b"/", encoded(os.path.realpath("/bin/sh")))}
    return lambda file: disks.stays_on(os.path.join(os.getcwdb(), encoded(file)), home, os.readlink)


def _look(file: str, is_at_home: Callable[[str], bool]) -> bool | None:
    """Whether a file is a program; None: its disk does not answer."""
    if not is_at_home(file):
        return _look_by_another(file)
    interpreter = _find_interpreter(file)
    if not isinstance(interpreter, str):
        return interpreter
    return os.access(interpreter, os.X_OK) if is_at_home(interpreter) else _look_by_another(interpreter)


def _look_by_another(file: str) -> bool | None:
    """The same by another process; only one looks at a file at a time."""
    collect_looks()
    if file in _looking:
        return None
    try:
        pid = fork_child(partial(_answer, file), ())
    except OSError:  # there is no room for another process: nobody knows
        return None
    deadline = time.monotonic() + ANSWER
    while (status := _wait(pid)) is None:
        if time.monotonic() > deadline:
            _looking[file] = pid
            return None
        time.sleep(_PAUSE)
    return status == os.EX_OK


def _answer(file: str) -> int:
    interpreter = _find_interpreter(file)
    found = os.access(interpreter, os.X_OK) if isinstance(interpreter, str) else interpreter
    return os.EX_OK if found else os.EX_UNAVAILABLE


def _wait(pid: int) -> int | None:
    """The exit status of a process that has ended; None: it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _find_interpreter(file: str) -> str | bool:
    """The program that runs a script; else whether the file can be executed, or nobody can know."""
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
    return interpreter is None or os.fsdecode(interpreter[1])
