"""Writes files that are not there yet: each is there whole, and on the disk, or not at all.

World: files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from knockd.files.trusted import OpenRule
from knockd_conf.classes import NamedTuple
from knockd_conf.trust import TrustPolicy, judge
from knockd_conf.walk import walk

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SYNC = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class ThereError(Exception):
    """A file is there already; the text is its path."""


class NewFile(NamedTuple):
    """A file to be written; ``folder``: its directory is made (0700) where there is none."""

    path: str
    data: bytes
    folder: bool = False

    def __repr__(self) -> str:
        return f"NewFile({self.path!r})"  # no traceback shows a key


def write_new(files: Sequence[NewFile]) -> None:
    """Writes all of them with mode 600, or none. Raises ThereError, and OSError with a path and a reason."""
    made: list[str] = []
    folders: list[str] = []
    try:
        for file in files:
            find_obstacle(file.path)
        for file in files:
            folder = os.path.dirname(file.path)
            if file.folder and not os.path.isdir(folder):
                _make_folder(folder)
                folders.append(folder)
            _write(file)
            made.append(file.path)
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                os.unlink(path)
        for path in reversed(folders):
            with suppress(OSError):
                os.rmdir(path)
        raise


def find_obstacle(path: str) -> None:
    """Raises ThereError when something has this name already, also a link that leads nowhere."""
    if os.path.lexists(path):
        raise ThereError(path)


def _make_folder(path: str) -> None:
    with _entered(path) as (above, name):
        os.mkdir(name, 0o700, dir_fd=above)
        try:
            _sync(above)
        except OSError:
            os.rmdir(name, dir_fd=above)
            raise


def _write(file: NewFile) -> None:
    with _entered(file.path) as (folder, name):
        new = f".{name}.{os.getpid()}"
        with suppress(FileNotFoundError):  # of a process that had this number and was killed
            os.unlink(new, dir_fd=folder)
        descriptor = os.open(new, _CREATE, 0o600, dir_fd=folder)
        try:
            try:
                os.fchmod(descriptor, 0o600)  # whatever the umask is
                rest = memoryview(file.data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            try:  # unlike a rename, this never takes the place of another file
                os.link(new, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                raise ThereError(file.path) from None
        finally:
            os.unlink(new, dir_fd=folder)
        try:
            _sync(folder)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise


@contextmanager
def _entered(path: str) -> Iterator[tuple[int, str]]:
    """The directory of a path, opened, and the name in it. Errors have the path of what they are about."""
    policy = TrustPolicy.current()
    try:
        with walk(path, OpenRule(policy.owners).follows) as end:
            if end.link is not None:
                raise ThereError(path)
            problems = judge(policy, None, end.way)
            if problems:
                raise OSError(errno.EPERM, problems[0].message, problems[0].path)
            yield end.directory, end.name
    except OSError as error:
        if isinstance(error.filename, str) and error.filename.startswith("/") and error.filename != "/":
            raise
        raise type(error)(error.errno, error.strerror, path) from None


def _sync(folder: int) -> None:
    """``folder`` is a descriptor that only names it (O_PATH)."""
    descriptor = os.open(".", _SYNC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
