"""Reading configuration files so that what was checked is what is read.

Every directory on the way through symbolic links is opened and judged, every link by its owner, and
the file by the descriptor that is then read: nobody can swap any of them in between.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knockd_conf.errors import Problem
from knockd_conf.trust import Held, TrustPolicy, exposed, judge

MAX_SIZE: Final = 1_048_576
"""Largest file, in bytes."""

_MAX_LINKS: Final = 40
"""Symbolic links followed before giving up, as many as Linux itself follows."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read. ``data`` is None when it must not be used; ``problems`` then says why."""

    path: str
    data: bytes | None
    problems: tuple[Problem, ...]
    note: str | None = None
    identity: tuple[int, int] | None = None
    """(device, inode) of the file that was opened: the same file under another name has the same."""


def read(path: str, policy: TrustPolicy) -> Source:
    """The bytes of the file at ``path`` if it can be read and trusted; never raises on a bad file."""
    try:
        os.fsencode(path).decode()
        return _read(path, policy)
    except UnicodeError:
        return _refused(path, "expected a path in UTF-8, got one that is not")
    except OSError as error:
        return _refused(path, f"expected a readable file, got '{error.strerror}'")
    except ValueError:
        return _refused(path, "expected a path, got one that holds a NUL byte")


def _refused(path: str, message: str) -> Source:
    return Source(path, None, (Problem(path, None, None, message),))


def _read(path: str, policy: TrustPolicy) -> Source:
    descriptor, way = _open(path)
    try:
        held = Held(path, os.fstat(descriptor))
        if not stat.S_ISREG(held.status.st_mode):
            kind = "directory" if stat.S_ISDIR(held.status.st_mode) else "device, pipe or socket"
            return _refused(path, f"expected a regular file, got a {kind}")
        problems = judge(policy, held, way)
        if problems:
            return Source(path, None, problems)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_SIZE + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_SIZE:
        return _refused(path, f"expected a file of at most {MAX_SIZE} bytes, got a larger one")
    identity = (held.status.st_dev, held.status.st_ino)
    return Source(path, data, (), exposed(held, way[-1]), identity)


def _open(path: str) -> tuple[int, tuple[Held, ...]]:
    """The file, and the directories and links through which it was found, its own directory last."""
    way: list[Held] = []
    for _ in range(_MAX_LINKS):
        folder, name = os.path.split(path)
        folder = folder or "."
        directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            way.append(Held(folder, os.fstat(directory)))
            try:
                link = os.readlink(name, dir_fd=directory) if name else None
            except OSError:
                link = None
            if link is None:
                # Not blocking: a pipe in the file's place must not make us wait for a writer.
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                return os.open(name or ".", flags, dir_fd=directory), tuple(way)
            # In a sticky directory nobody can put another link in the place of root's.
            way.append(Held(path, os.stat(name, dir_fd=directory, follow_symlinks=False)))
            path = str(Path(folder) / link)
        finally:
            os.close(directory)
    raise OSError(0, "Too many levels of symbolic links")


def listing(folder: str, policy: TrustPolicy) -> tuple[Problem, ...]:
    """What keeps ``folder`` from being searched for files to include; a folder that is not there is empty."""
    try:
        descriptor = os.open(Path(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Problem(folder, None, None, f"expected a readable directory, got '{error.strerror}'"),)
    try:
        return judge(policy, None, (Held(folder, os.fstat(descriptor)),))
    finally:
        os.close(descriptor)
