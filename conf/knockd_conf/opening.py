"""Opening files that root writes, so that no other user leads root to another file.

A link is followed when root or we made it where others cannot write. Where others can, the file must
be root's, ours or the directory's owner's, and have one name only.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from knockd_conf.trust import TrustPolicy

_MAX_LINKS: Final = 40
"""Symbolic links followed before giving up, as many as Linux itself follows."""


def open_trusted(path: str, flags: int, mode: int = 0o600) -> int:
    """Opens ``path`` with ``flags`` (O_CREAT: only when it is not there), without waiting; the descriptor.

    Raises OSError, with a reason for people when it is one that must not be opened.
    """
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    owners = TrustPolicy.current().owners
    for _ in range(_MAX_LINKS):
        folder, name = os.path.split(path)
        directory = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            where = os.fstat(directory)
            link = _link(name, directory)
            if link is None:
                return _checked(_open(name, flags, mode, directory), where, owners)
            if _in_proc(where):  # /dev/stdout leads here; nobody can make such a link
                made = os.open(name, flags & ~os.O_CREAT, dir_fd=directory)
                return _checked(made, where, owners)
            if link.st_uid not in owners or _shared(where, owners):
                raise OSError(errno.ELOOP, "is a link that somebody else may have made")
            path = os.path.join(folder, os.readlink(name, dir_fd=directory))
        finally:
            os.close(directory)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _link(name: str, directory: int) -> os.stat_result | None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found if stat.S_ISLNK(found.st_mode) else None


def _open(name: str, flags: int, mode: int, directory: int) -> int:
    """Opens what is there, else creates it: the kernel's own guard of O_CREAT would hide our reason."""
    flags |= os.O_NOFOLLOW
    try:
        return os.open(name, flags & ~os.O_CREAT, dir_fd=directory)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        return os.open(name, flags, mode, dir_fd=directory)


def _checked(descriptor: int, where: os.stat_result, owners: frozenset[int]) -> int:
    problem = _problem(os.fstat(descriptor), where, owners)
    if problem is None:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EPERM, problem)


def _problem(file: os.stat_result, where: os.stat_result, owners: frozenset[int]) -> str | None:
    """Why the file must not be used; ``where`` is its directory."""
    regular = stat.S_ISREG(file.st_mode)
    if stat.S_ISCHR(file.st_mode):
        return None
    if not (regular or stat.S_ISFIFO(file.st_mode)):
        return "is neither a file nor a device nor a pipe"
    if _shared(where, owners) and file.st_uid not in owners | {where.st_uid}:
        return f"belongs to uid {file.st_uid}, in a directory that others can write"
    if regular and file.st_nlink > 1 and (_shared(where, owners) or where.st_mode & stat.S_IWGRP):
        return "has a second name, in a directory that others can write"
    return None


def _shared(directory: os.stat_result, owners: frozenset[int]) -> bool:
    """Whether others than root and we may put files there; its group is root's choice."""
    return bool(directory.st_mode & stat.S_IWOTH) or directory.st_uid not in owners


def _in_proc(directory: os.stat_result) -> bool:
    try:
        return directory.st_dev == os.stat("/proc/self/fd").st_dev
    except OSError:
        return False
