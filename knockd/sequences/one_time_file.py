"""One-time sequence files on disk: a used line is struck out with one byte and synced.

World: one-time files.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from itertools import islice

from knockd.files.trusted import open_trusted
from knockd_conf.model import Step
from knockd_conf.one_time import MAX_SIZE, OneTimeFile, find_lines, parse_one_time, strike_line, written
from knockd_conf.trust import TrustPolicy


def read_one_time(path: str, policy: TrustPolicy | None = None) -> OneTimeFile:
    """What the file holds.

    Raises OSError also when a line could not be struck out later (read-only), when every user can write
    the file, and when its directories are not such as those of a configuration.
    """
    descriptor = _open(path, policy)
    try:
        return parse_one_time(_content(descriptor))
    finally:
        os.close(descriptor)


def read_one_time_lines(path: str, most: int, policy: TrustPolicy | None = None) -> list[tuple[Step, ...]]:
    """The first ``most`` sequences that are not struck out, the live one first. Raises OSError."""
    descriptor = _open(path, policy)
    try:
        return [line.steps for line in islice(find_lines(_content(descriptor)), most)]
    finally:
        os.close(descriptor)


def strike_one_time(path: str, used: tuple[object, ...], policy: TrustPolicy | None = None) -> OneTimeFile:
    """Strikes the live line out and returns what the file holds then.

    Raises OSError, or ValueError when the live line is not the sequence ``used``: somebody
    changed the file meanwhile.
    """
    descriptor = _open(path, policy)
    try:
        before = _content(descriptor)
        live = parse_one_time(before).live
        if live is None or live.steps != used:
            raise ValueError("changed while its sequence was in use")
        after = strike_line(before, live.offset)
        os.pwrite(descriptor, after[live.offset : live.offset + 1], live.offset)
        os.fsync(descriptor)
        return parse_one_time(after)
    finally:
        os.close(descriptor)


def strike_used(path: str, used: frozenset[str], policy: TrustPolicy | None = None) -> None:
    """Strikes out every line with one of the sequences ``used`` (as ``written``). Raises OSError."""
    descriptor = _open(path, policy)
    try:
        for line in find_lines(_content(descriptor)):
            if written(line.steps) in used:
                os.pwrite(descriptor, b"#", line.offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: str, policy: TrustPolicy | None = None) -> int:
    descriptor = open_trusted(path, os.O_RDWR, policy=policy or TrustPolicy.current())
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
