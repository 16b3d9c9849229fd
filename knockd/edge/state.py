"""One-time sequence files on disk: read whole, struck out in place and synced."""

from __future__ import annotations

import errno
import os
import shlex
import stat

from knockd_conf.opening import open_trusted
from knockd_conf.sequences import MAX_SIZE, OneTimeFile, read, strike


def read_one_time(path: str) -> OneTimeFile:
    """What the file holds. Raises OSError also when it could not be struck out later (read-only)
    or when everybody could have written it."""
    descriptor = _open(path)
    try:
        return read(_content(descriptor))
    finally:
        os.close(descriptor)


def strike_one_time(path: str, used: tuple[object, ...]) -> OneTimeFile:
    """Strikes the live line out and returns what the file holds then.

    Raises OSError, or ValueError when the live line is not the sequence ``used``: somebody
    changed the file meanwhile.
    """
    descriptor = _open(path)
    try:
        before = _content(descriptor)
        live = read(before).live
        if live is None or live.steps != used:
            raise ValueError("changed while its sequence was in use")
        after = strike(before, live.offset)
        os.pwrite(descriptor, after[live.offset : live.offset + 1], live.offset)
        os.fsync(descriptor)
        return read(after)
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    descriptor = open_trusted(path, os.O_RDWR)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and not mode & stat.S_IWOTH:
        return descriptor
    os.close(descriptor)
    if stat.S_ISREG(mode):
        # Who writes it opens the door.
        raise OSError(errno.EPERM, f"everybody can write it, chmod o-w {shlex.quote(path)}")
    raise OSError(errno.EINVAL, "is not a regular file")


def _content(descriptor: int) -> bytes:
    parts = []
    size = 0
    while size <= MAX_SIZE and (part := os.read(descriptor, MAX_SIZE + 1 - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
