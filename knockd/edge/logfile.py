"""The log file: nobody leads us to another one, and lines go to the file that has its name now."""

from __future__ import annotations

import errno
import os
import stat
import time

from knockd_conf.trust import TrustPolicy

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MODE = 0o640
_MAX_LINKS = 40
"""Symbolic links followed before giving up, as many as Linux itself follows."""


class LogFile:
    """A file that lines are appended to. Every method but ``close`` raises OSError when it fails."""

    def __init__(self, path: str, *, stamped: bool) -> None:
        """``stamped``: each line begins with 0.8's stamp. Opens nothing yet."""
        self.path = path
        self.name = f"log file {path}"
        self._stamped = stamped
        self._descriptor: int | None = None
        self._identity = (0, 0)
        self._torn = False

    def reopen(self) -> None:
        """Opens the file anew: after rotation its name means another file."""
        self.close()
        self._take(_open(self.path))

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, line: str) -> None:
        """Appends one line. What a full disk cut off is ended by the next one, which begins a line."""
        descriptor = self._current()
        stamp = time.strftime("[%Y-%m-%d %H:%M] ") if self._stamped else ""
        data = f"{stamp}{line}\n".encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        written = 0
        try:
            while written < len(data):
                written += os.write(descriptor, data[written:])
        finally:
            if written:
                self._torn = not data.endswith(b"\n", 0, written)

    def _current(self) -> int:
        """The descriptor of what the path means now: who renames the file need not tell us."""
        try:
            found = os.stat(self.path)
        except OSError:
            pass
        else:
            if self._descriptor is not None and (found.st_dev, found.st_ino) == self._identity:
                if self._torn and not found.st_size and stat.S_ISREG(found.st_mode):
                    self._torn = False  # truncated meanwhile
                return self._descriptor
        try:
            fresh = _open(self.path)
        except OSError:
            # A file that has but another name now still keeps what is written, as it did in 0.8.
            if self._descriptor is not None and os.fstat(self._descriptor).st_nlink:
                return self._descriptor
            self.close()
            raise
        self.close()
        return self._take(fresh)

    def _take(self, descriptor: int) -> int:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        self._torn = stat.S_ISREG(status.st_mode) and status.st_size > 0 and not _ends_a_line(descriptor)
        return descriptor


def _ends_a_line(descriptor: int) -> bool:
    try:
        reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # no right to read: most files do
    try:
        return os.pread(reader, 1, os.fstat(reader).st_size - 1) == b"\n"
    finally:
        os.close(reader)


def _open(path: str) -> int:
    """Opens or creates the log file at ``path``, through links that can be trusted. Raises OSError."""
    owners = TrustPolicy.current().owners
    for _ in range(_MAX_LINKS):
        folder, name = os.path.split(path)
        directory = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            where = os.fstat(directory)
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return _checked(
                    os.open(name, _FLAGS | os.O_CREAT | os.O_NOFOLLOW, _MODE, dir_fd=directory), where, owners
                )
            if not stat.S_ISLNK(found.st_mode):
                return _checked(os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=directory), where, owners)
            if _in_proc(where):
                return _checked(os.open(name, _FLAGS, dir_fd=directory), where, owners)  # /dev/stdout
            if found.st_uid not in owners or _shared(where, owners):
                raise OSError(errno.ELOOP, "is a link that somebody else may have made")
            path = os.path.join(folder, os.readlink(name, dir_fd=directory))
        finally:
            os.close(directory)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _checked(descriptor: int, where: os.stat_result, owners: frozenset[int]) -> int:
    problem = _problem(os.fstat(descriptor), where, owners)
    if problem is None:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EPERM, problem)


def _problem(file: os.stat_result, where: os.stat_result, owners: frozenset[int]) -> str | None:
    """Why the file must not be written; ``where`` is its directory."""
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
