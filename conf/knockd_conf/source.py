"""Reading configuration files so that what was checked is what is read.

The way to the file (walk.py) and the file are judged as they were opened; the file is read from the
descriptor that was judged.

World: files.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from knockd_conf.classes import dataclass
from knockd_conf.errors import Note, Problem
from knockd_conf.trust import Held, TrustPolicy, exposed, judge
from knockd_conf.walk import walk

MAX_SIZE: Final = 1_048_576
"""Largest file, in bytes."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read. ``data`` is None when it must not be used; ``problems`` then says why."""

    path: str
    data: bytes | None
    problems: tuple[Problem, ...]
    note: Note | None = None
    identity: tuple[int, int] | None = None
    """(device, inode) of the file that was opened: the same file under another name has the same."""


def read_source(path: str, policy: TrustPolicy) -> Source:
    """The bytes of the file at ``path`` if it can be read and trusted; never raises on a bad file."""
    try:
        os.fsencode(path).decode()
        return _read(path, policy)
    except UnicodeError:
        return _refused(path, "expected a path in UTF-8, got one that is not")
    except FileNotFoundError:
        return _refused(
            path,
            "expected a configuration file, got none: write one (knockd --init), or name another with -c",
        )
    except OSError as error:
        hint = ": start knockd as root" if error.errno == errno.EACCES and os.geteuid() else ""
        return _refused(path, f"expected a readable file, got '{error.strerror}'{hint}")
    except ValueError:
        return _refused(path, "expected a path, got one that holds a NUL byte")


def _refused(path: str, message: str) -> Source:
    return Source(path, None, (Problem(path, None, None, message),))


def _read(path: str, policy: TrustPolicy) -> Source:
    with walk(path) as end:
        # Not blocking: a pipe must not make us wait for its writer.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(end.name or ".", flags, dir_fd=end.directory)
    try:
        held = Held(path, os.fstat(descriptor))
        if not stat.S_ISREG(held.status.st_mode):
            kind = "directory" if stat.S_ISDIR(held.status.st_mode) else "device, pipe or socket"
            return _refused(path, f"expected a regular file, got a {kind}")
        problems = judge(policy, held, end.way)
        if problems:
            return Source(path, None, problems)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_SIZE:
        return _refused(path, f"expected a file of at most {MAX_SIZE} bytes, got a larger one")
    identity = (held.status.st_dev, held.status.st_ino)
    return Source(path, data, (), exposed(held, end.way[-1]), identity)


def judge_folder(folder: str, policy: TrustPolicy) -> tuple[Problem, ...]:
    """What keeps ``folder`` from being searched for files to include; a folder that is not there is empty."""
    try:
        with walk(os.path.join(folder, "")) as end:
            return judge(policy, None, end.way)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Problem(folder, None, None, f"expected a readable directory, got '{error.strerror}'"),)
