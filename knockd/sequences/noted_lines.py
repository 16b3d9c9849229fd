"""Files of notes that must survive a power cut: a line of JSON each, appended and synced.

A line that a power cut has torn is left out, and swallows no other. Who may have written a file is judged.

World: files of notes.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from knockd.files.brief_lock import lock_openers
from knockd.files.state_dir import judge_directory, replace_file
from knockd.files.trusted import open_trusted
from knockd_conf.trust import TrustPolicy

MAX_SIZE: Final = 1_048_576
"""Bytes of the longest file that is read."""

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class NotedLines:
    """Files of one name; ``what`` they do, in words behind the name: "notes used sequences"."""

    def __init__(self, name: str, what: str, policy: TrustPolicy) -> None:
        self.name = name
        self._what = what
        self._policy = policy

    def append(self, directory: str, value: object, *, create: bool = True) -> int:
        """Adds a line; when this returns it survives a power cut. Returns the bytes of the file.

        Raises OSError; FileNotFoundError also where there is no file and none is to be made.
        """
        data = b"\n%b\n" % json.dumps(value).encode()  # the line before may be torn
        descriptor = self._open(directory, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if create else 0))
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if create:
            _sync(directory)
        return size

    @contextmanager
    def alone(self, directory: str, *, create: bool = True) -> Iterator[None]:
        """No other daemon that is ``alone`` there reads or adds lines meanwhile. Raises as ``append``."""
        descriptor = self._open(directory, os.O_WRONLY | (os.O_CREAT if create else 0))
        try:
            lock_openers(descriptor)
            yield
        finally:
            os.close(descriptor)

    def clear(self, directory: str) -> None:
        """Removes every line. Raises OSError."""
        descriptor = self._open(directory, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, directory: str, values: Iterable[object]) -> int:
        """Puts these lines in the place of all; when this returns they survive a power cut.

        Returns the bytes of the file. Raises OSError.
        """
        data = b"".join(b"%b\n" % json.dumps(value).encode() for value in values)
        above = os.open(directory, _DIRECTORY)
        try:
            judge_directory(directory, os.fstat(above))
            replace_file(above, self.name, data, new=f"{self.name}.new")
        finally:
            os.close(above)
        return len(data)

    def read(self, directory: str) -> list[Any] | None:
        """What each line says, None where there is no file. Raises OSError, which names the file."""
        try:
            with os.fdopen(self._open(directory, os.O_RDONLY), "rb") as file:
                data = file.read(MAX_SIZE + 1)
            if len(data) > MAX_SIZE:
                raise OSError(errno.EFBIG, f"it has more than {MAX_SIZE} bytes")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            path = os.path.join(directory, self.name)
            raise OSError(error.errno, f"{path}, which {self._what}: {error.strerror}") from None
        return list(_parse_lines(data))

    def _open(self, directory: str, flags: int) -> int:
        descriptor = open_trusted(os.path.join(directory, self.name), flags, policy=self._policy)
        status = os.fstat(descriptor)
        ours = status.st_uid in self._policy.owners and not status.st_mode & 0o022
        if stat.S_ISREG(status.st_mode) and (ours or not self._policy.enforce):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EPERM, f"others can write {self.name} in it, remove it")


def _parse_lines(data: bytes) -> Iterator[Any]:
    for line in data.split(b"\n"):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue  # torn, so nothing was done after it


def _sync(directory: str) -> None:
    above = os.open(directory, _DIRECTORY)
    try:
        os.fsync(above)
    finally:
        os.close(above)
