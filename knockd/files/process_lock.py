"""A lock that a process has as long as it lives: a POSIX record lock on a file of a directory of ours.

It goes with the process however that ends, children do not have it, and the kernel says who has it. Closing
any descriptor of the file drops it: no process may open the same file twice.

World: lock files.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct

from knockd.files.state_dir import judge_directory, make_directory

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_FLOCK = struct.Struct("@hhqqi")
"""``struct flock`` of fcntl(2): type, whence, start, length, pid. Python is built with offsets of 64 bits."""

MOST_TRIES = 100
"""Times that a file is opened anew because who had it was just removing it."""


class HeldError(Exception):
    """Another process has the lock. ``pid`` is its process id, 0 in another pid namespace."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid


class ProcessLock:
    """A lock that this process has, on the file ``name`` of ``directory``."""

    def __init__(self, directory: str, name: str) -> None:
        """Takes the lock; makes the directory, mode 0700, and the file when they are not there.

        Raises HeldError when another process has it, and OSError where none can be had: the directory cannot
        be written, or others could have put the file there or could keep it locked.
        """
        make_directory(directory)
        self._directory = os.open(directory, _DIRECTORY)
        try:
            judge_directory(directory, os.fstat(self._directory))
            self._name = name
            self._file = self._take()
        except BaseException:
            os.close(self._directory)
            raise

    def is_at(self, directory: str, name: str) -> bool:
        """Whether this path leads to the file that is locked. Opens nothing, which would drop the lock."""
        try:
            there = os.stat(os.path.join(directory, name), follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._file))

    def release(self, *, remove: bool = False) -> None:
        """Gives the lock up; ``remove`` removes its file too."""
        if remove and self._is_there(self._file):
            os.unlink(self._name, dir_fd=self._directory)
        os.close(self._file)
        os.close(self._directory)

    def _take(self) -> int:
        for _ in range(MOST_TRIES):
            descriptor = os.open(self._name, _FILE, 0o600, dir_fd=self._directory)
            try:
                _judge_file(self._name, os.fstat(descriptor))
                _lock(descriptor)
                if self._is_there(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise OSError(errno.EAGAIN, f"{self._name} in it is removed again and again")

    def _is_there(self, descriptor: int) -> bool:
        """Whether the file still has its name: else the next process would lock another one."""
        try:
            there = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(descriptor))


def _judge_file(name: str, found: os.stat_result) -> None:
    """Refuses a file that others can open: they could lock it, and keep us out. Raises OSError."""
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"{name} in it is not a regular file")
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(errno.EPERM, f"{name} in it can be locked by others, remove it")


def _lock(descriptor: int) -> None:
    """Locks a file. Raises HeldError, and OSError where the file system has no locks."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        raise HeldError(_find_holder(descriptor)) from None


def _find_holder(descriptor: int) -> int:
    """The process that has the lock; 0 when it has no id here, or has just given it up."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return 0 if kind == fcntl.F_UNLCK else max(0, pid)
