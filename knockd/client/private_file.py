"""Files that hold secrets: read only where nobody but their owner may read them.

World: files, and a limit of this process.
"""

from __future__ import annotations

import os
import stat

from knockd.client.status import CONFIG, NO_INPUT, Refused
from knockd_conf.text import printable

OTHERS = stat.S_IRWXG | stat.S_IRWXO
MODES = os.name == "posix"
"""Whether this system's files have modes."""


def read_private(path: str, limit: int, what: str) -> bytes:
    """The bytes of a file, at most ``limit`` and one more; ``what`` is for the messages. Raises Refused.

    From now on this process leaves no core file, nor does what it turns into.
    """
    place = f"{what} {printable(path)}"
    leave_no_core()
    try:
        with open(path, "rb") as file:
            mode = find_open_mode(file.fileno())
            if mode is not None:
                raise Refused(CONFIG, f"{place}: expected mode 0600, got {mode:04o}; {advise_chmod(path)}")
            return file.read(limit + 1)
    except OSError as error:
        raise Refused(NO_INPUT, f"{place}: {error.strerror}") from None


def find_open_mode(file: int | str) -> int | None:
    """The mode of a file, by its path or descriptor, that others than its owner may use; None: they may not.

    Raises OSError.
    """
    mode = stat.S_IMODE(os.stat(file).st_mode)
    return mode if MODES and mode & OTHERS else None


def leave_no_core() -> None:
    """Has the kernel write no memory of this process to a file, where the system has such a limit.

    One byte is no core either, and unlike none at all also keeps Linux from piping it to a program (core(5)).
    """
    try:
        import resource
    except ImportError:
        return  # Windows has none
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0 if most == 0 else 1, most))


def advise_chmod(path: str) -> str:
    """What to do about a file that others may read."""
    from shlex import quote

    return f"others than you may use it: run chmod 600 {quote(printable(path))}"
