"""The last good configuration: the texts of its files, kept in StateDir for a start at which they are bad.

It is trusted as a configuration is, and nobody but its owner can read it.

World: the state directory.
"""

from __future__ import annotations

import errno
import os
from binascii import crc32
from collections.abc import Iterator, Sequence
from contextlib import suppress

from knockd.files.state_dir import judge_directory, make_directory, replace_file
from knockd_conf.source import MAX_SIZE, read_source
from knockd_conf.trust import TrustPolicy

Files = Sequence[tuple[str, bytes]]
"""Paths and contents, the main file first."""

_HEAD = b"# knockd's last good configuration, 1\n"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LastGood:
    """What is kept in ``directory`` of the configuration ``main``. Each path of one has a file of its own."""

    def __init__(self, directory: str, main: str) -> None:
        self._directory = directory
        self._main = main
        self._name = f"config-{crc32(os.fsencode(main)):08x}"
        self.path = os.path.join(directory, self._name)

    def find(self) -> Files | None:
        """What is kept, None when nothing is. Raises OSError when it cannot be trusted, or is damaged."""
        if not os.path.lexists(self.path):
            return None
        source = read_source(self.path, TrustPolicy(enforce=True, owners=TrustPolicy.current().owners))
        if source.data is None:
            raise OSError(errno.EPERM, "; ".join(problem.message for problem in source.problems))
        files = tuple(_split(source.data))
        return files if files[:1] and files[0][0] == self._main else None

    def keep(self, files: Files) -> None:
        """Keeps ``files``; when this returns they survive a power cut. Writes only what has changed.

        Raises OSError, with a reason for people.
        """
        data = _HEAD + b"".join(b"%d %s\n%s\n" % (len(text), os.fsencode(path), text) for path, text in files)
        if len(data) > MAX_SIZE:
            raise OSError(errno.EFBIG, f"it has {len(data)} bytes, more than {MAX_SIZE}")
        with suppress(OSError):
            if self.find() == tuple(files):
                return
        make_directory(self._directory)
        directory = os.open(self._directory, _DIRECTORY)
        try:
            judge_directory(self._directory, os.fstat(directory))
            replace_file(directory, self._name, data, new=f"{self._name}.new")
        finally:
            os.close(directory)

    def forget(self) -> None:
        """Removes what is kept. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)


def _split(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that ``keep`` has put together. Raises OSError when it has not."""
    if not data.startswith(_HEAD):
        raise OSError(errno.EINVAL, "it is damaged, or of another version of knockd")
    rest = data.removeprefix(_HEAD)
    while rest:
        head, _, rest = rest.partition(b"\n")
        size, _, path = head.partition(b" ")
        if not size.isdigit() or rest[int(size) : int(size) + 1] != b"\n":
            raise OSError(errno.EINVAL, "it is damaged")
        yield os.fsdecode(path), rest[: int(size)]
        rest = rest[int(size) + 1 :]
