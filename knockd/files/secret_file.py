"""Files with keys, changed as a whole: after a power cut the old file is there or the new one.

Only their owner may read secrets. Two processes that change one file do it one after the other.

World: files with keys.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from knockd.files.trusted import OpenRule, judge_public, judge_secret, read_at_most
from knockd_conf.trust import TrustPolicy, judge
from knockd_conf.walk import End, walk

MAX_SIZE: Final = 1_048_576
"""Bytes of the longest file that is changed."""

MODE: Final = 0o600

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE: Final = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Change = Callable[[bytes], bytes]
"""What a file holds, to what it is to hold; may raise to leave it as it is."""

_Judge = Callable[[str, os.stat_result, TrustPolicy], None]


def change_secret(path: str, change: Change, policy: TrustPolicy | None = None) -> bool:
    """Changes a file, made with mode 0600 when there is none; returns whether it was made.

    When this returns the change survives a power cut. Raises OSError, with a reason for people, when that is
    impossible, when group or others may use the file, and when somebody else could lead us to another one;
    and what ``change`` raises. Then all is as it was, but for a disk that fails at the last moment.
    """
    return _change_at(path, change, policy or TrustPolicy.current(), judge_secret)


def change_public(path: str, change: Change, policy: TrustPolicy | None = None) -> bool:
    """The same with a file that others may read, but not write."""
    return _change_at(path, change, policy or TrustPolicy.current(), judge_public)


def make_folder(path: str) -> None:
    """Makes a directory for its owner alone, where there is none, in one that is there. Raises OSError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    above = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def _change_at(path: str, change: Change, chosen: TrustPolicy, judge_file: _Judge) -> bool:
    with walk(path, OpenRule(chosen.owners).follows) as end:
        if end.link is not None:
            raise OSError(errno.ELOOP, "is a link that somebody else may have made")
        if not end.name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if problems := judge(chosen, None, end.way):
            raise OSError(errno.EPERM, f"{problems[0].path}: {problems[0].message}")
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=end.directory)
        try:
            return _change(end, directory, change, lambda status: judge_file(path, status, chosen))
        finally:
            os.close(directory)


def _change(end: End, directory: int, change: Change, judge_file: Callable[[os.stat_result], None]) -> bool:
    descriptor, made = _open_locked(end.name, directory)
    try:
        status = os.fstat(descriptor)
        judge_file(status)
        if status.st_nlink > 1:
            raise OSError(errno.EMLINK, "has a second name, under which it would stay as it is")
        data = read_at_most(descriptor, MAX_SIZE + 1)
        if len(data) > MAX_SIZE:
            raise OSError(errno.EFBIG, f"has more than {MAX_SIZE} bytes")
        _replace(end.name, directory, change(data), status)
    except BaseException:
        with suppress(OSError):
            if made and os.fstat(descriptor).st_size == 0:  # who had it locked before us has left it empty
                os.unlink(end.name, dir_fd=directory)
        raise
    finally:
        os.close(descriptor)  # and with it the lock
    return made


def _open_locked(name: str, directory: int) -> tuple[int, bool]:
    """Returns the file's descriptor, once nobody else has it locked, and whether it was made."""
    while True:
        made = False
        try:
            descriptor = os.open(name, _READ, dir_fd=directory)
        except FileNotFoundError:
            try:
                descriptor = os.open(name, _CREATE, MODE, dir_fd=directory)
            except FileExistsError:
                continue  # somebody was first
            made = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(name, directory, descriptor):
                return descriptor, made
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was replaced while we waited


def _is_still(name: str, directory: int, descriptor: int) -> bool:
    held = os.fstat(descriptor)
    try:
        now = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (now.st_dev, now.st_ino)


def _replace(name: str, directory: int, data: bytes, old: os.stat_result) -> None:
    """Puts a new file in the place of the old one, which is locked."""
    new = f".{name}.new"
    with suppress(FileNotFoundError):  # of a process that was killed
        os.unlink(new, dir_fd=directory)
    descriptor = os.open(new, _NEW, MODE, dir_fd=directory)
    try:
        try:
            made = os.fstat(descriptor)
            if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(new, dir_fd=directory)
        raise
    os.fsync(directory)
