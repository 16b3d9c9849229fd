"""The directory that holds the journal: locked; the file replaced by rename or changed in places, synced.

Nothing here follows a symbolic link at or inside the directory. The content of the journal is bytes here.

World: the state directory.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from contextlib import suppress

JOURNAL = "leases"
_NEW = "leases.new"
_LOCK = "leases.lock"
_ASIDE = "leases.damaged-"

MAX_ASIDE = 5
"""Damaged journals that are kept; the last of them is overwritten."""

MAX_SIZE = 512 * 1024 * 1024
"""Bytes of the longest journal that is read."""

HELD = "another knockd uses it, give each its own with StateDir or --state-dir"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHANGE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class StateDir:
    """A directory for the journal. What goes wrong is an OSError whose ``strerror`` a person can read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._directory: int | None = None
        self._lock: int | None = None
        self._written: tuple[int, int, int] | None = None
        """Device, inode and bytes of the journal that we have written."""

    @property
    def held(self) -> bool:
        """Whether the directory is ours: locked, and its journal read."""
        return self._directory is not None

    def take(self, *, create: bool) -> bytes | None:
        """Locks the directory and returns what its journal holds, None when there is none.

        ``create``: makes the directory, mode 0700, when it does not exist.
        Raises FileNotFoundError when there is no directory, another OSError when it is not safe, not free
        or not readable: then it stays as it is.
        """
        if create:
            make_directory(self.path)
        try:
            directory = os.open(self.path, _DIRECTORY)
        except NotADirectoryError as error:
            if os.path.islink(self.path):
                raise OSError(errno.ELOOP, "it is a symbolic link") from None
            raise error
        try:
            status = os.fstat(directory)
            judge_directory(self.path, status)
            # Whoever can open a directory can lock it: there a file that is ours alone stands for it.
            lock = _lock_file(directory) if status.st_mode & 0o044 else directory
        except OSError:
            os.close(directory)
            raise
        self._directory, self._lock = directory, lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = _read(directory)
            _clean(directory)
        except BlockingIOError:
            self.release()
            raise OSError(errno.EWOULDBLOCK, HELD) from None
        except OSError:
            self.release()
            raise
        return data

    def write(self, data: bytes) -> None:
        """Replaces the journal; when this returns it survives a power cut. Raises OSError."""
        directory = self._held()
        self._written = None
        self._written = replace_file(directory, JOURNAL, data)

    def update(self, steps: Sequence[Sequence[tuple[int, bytes]]]) -> bool:
        """Writes bytes into the journal at their offsets; each step is on the disk before the next begins.

        Returns False, and writes nothing, when the file is not the one that we have written. Raises OSError:
        then any part of the steps may be there, but the file is no longer than it was.
        """
        try:
            descriptor = os.open(JOURNAL, _CHANGE, dir_fd=self._held())
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EISDIR}:
                return False
            raise
        try:
            if (before := _identity(descriptor)) != self._written:
                return False
            try:
                for pieces in steps:
                    for offset, data in pieces:
                        _write_at(descriptor, offset, data)
                    os.fdatasync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, before[2])
                raise
            self._written = _identity(descriptor)
        finally:
            os.close(descriptor)
        return True

    def set_aside(self, data: bytes) -> str:
        """Keeps a copy of a damaged journal under another name, and returns its path. Raises OSError."""
        directory = self._held()
        taken = set(os.listdir(directory))
        names = [f"{_ASIDE}{number}" for number in range(1, MAX_ASIDE + 1)]
        name = next((name for name in names if name not in taken), names[-1])
        replace_file(directory, name, data)
        return os.path.join(self.path, name)

    def clear(self) -> None:
        """Removes the journal: a newer one is elsewhere. Raises OSError."""
        directory = self._held()
        try:
            os.unlink(JOURNAL, dir_fd=directory)
        except FileNotFoundError:
            return
        os.fsync(directory)

    def release(self) -> None:
        """Unlocks the directory."""
        for descriptor in {self._directory, self._lock} - {None}:
            assert descriptor is not None
            os.close(descriptor)
        self._directory = self._lock = self._written = None

    def moved(self) -> bool:
        """Whether the path means another directory by now, or none: nobody reads the journal we write."""
        if self._directory is None:
            return False
        ours = os.fstat(self._directory)
        try:
            there = os.lstat(self.path)
        except OSError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def _held(self) -> int:
        if self._directory is None:
            raise OSError(errno.EBADF, "not taken")
        return self._directory


def make_directory(path: str) -> None:
    """Makes a state directory, mode 0700, and those above it, when it does not exist. Raises OSError."""
    parent = os.path.dirname(path.rstrip("/")) or "/"
    with suppress(FileExistsError):  # a file: what follows says so
        os.makedirs(parent, 0o755, exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def judge_directory(path: str, found: os.stat_result) -> None:
    """Refuses a directory in which others could put files of theirs. Raises OSError."""
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"owned by uid {found.st_uid}, not by {os.geteuid()}")
    if found.st_mode & 0o022:
        raise OSError(errno.EPERM, f"others can write to it, chmod 700 {path}")


def _lock_file(directory: int) -> int:
    try:
        return os.open(_LOCK, _READ | os.O_CREAT, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.ENOSPC, errno.EDQUOT}:
            raise
        return directory  # what is in it must be read all the same


def _read(directory: int) -> bytes | None:
    try:
        descriptor = os.open(JOURNAL, _READ, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"{JOURNAL} in it is not a regular file")
        # The directory may have been open to others when the file was made: it holds commands that we run.
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise OSError(errno.EPERM, f"{JOURNAL} in it can be written by others, remove it")
        parts = []
        size = 0
        while size < MAX_SIZE and (part := os.read(descriptor, 1 << 20)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _clean(directory: int, new: str = _NEW) -> None:
    """Removes what a commit that was cut short has left, as far as it can be removed."""
    try:
        os.unlink(new, dir_fd=directory)
    except OSError:
        return  # there is none; or none that can be removed, and then the next commit says why


def replace_file(directory: int, name: str, data: bytes, *, new: str = _NEW) -> tuple[int, int, int]:
    """Replaces a file of an open directory whole; when this returns it survives a power cut.

    ``new`` is the file's name until it is complete: who holds no lock of the directory has one of its own.
    Returns device, inode and bytes. Raises OSError.
    """
    _clean(directory, new)
    descriptor = os.open(new, _CREATE, 0o600, dir_fd=directory)
    try:
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
            written = _identity(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except OSError:
        _clean(directory, new)  # a full disk has room again, for others
        raise
    return written


def _identity(descriptor: int) -> tuple[int, int, int]:
    """Device, inode and bytes of a file."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_at(descriptor: int, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
