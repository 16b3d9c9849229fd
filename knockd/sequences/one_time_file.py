"""One-time sequence files on disk: a used line is struck out, a new one put in use, with one byte and a sync.

So a power cut leaves each line as it was or as it is to be, and the daemon may strike lines out of a file
while others are added to it.

World: one-time files.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from itertools import islice

from knockd.files.brief_lock import lock_writers
from knockd.files.secret_file import change_secret
from knockd.files.trusted import open_trusted, read_at_most
from knockd_conf.model import Step
from knockd_conf.one_time import (
    MAX_SIZE,
    OneTimeFile,
    find_lines,
    find_struck,
    line_of,
    parse_one_time,
    strike_line,
    written,
)
from knockd_conf.trust import TrustPolicy

Choose = Callable[[Sequence[tuple[Step, ...]]], Sequence[tuple[Step, ...]]]
"""The sequences that a file has, to new ones for it."""


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
    changed the file meanwhile, or another daemon has struck it out or is about to.
    """
    descriptor = _open(path, policy)
    try:
        try:
            lock_writers(descriptor)
        except OSError as error:
            raise ValueError(f"is in use: {error.strerror}") from None
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
    """Strikes out every line with one of the sequences ``used`` (as ``written``). Raises OSError.

    When this returns none of them is on the disk, also where an earlier sync has failed: the system may have
    left such a line as it was, read it as struck out, and never write it unless it is written again.
    """
    descriptor = _open(path, policy)
    try:
        data = _content(descriptor)
        for line in find_lines(data):
            if written(line.steps) in used:
                os.pwrite(descriptor, b"#", line.offset)
        for offset in find_struck(data):
            os.pwrite(descriptor, b"#", offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def add_one_time(path: str, choose: Choose, policy: TrustPolicy | None = None) -> int:
    """Adds sequences behind those of a file, made for its owner alone when there is none; returns how many
    it has that are not struck out.

    ``choose`` is given those and returns the new ones. Raises OSError, also when group or others may read the
    file, or ValueError when it has a line that is no sequence or would be too large. Then nothing is added;
    of a disk that fails some lines may be there and in use.
    """
    while True:
        try:
            descriptor = _open(path, policy)
        except FileNotFoundError:
            try:
                return _make_one_time(path, choose, policy)
            except FileExistsError:
                continue  # somebody was first
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # the daemon needs no lock: it changes other bytes
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return _add(path, descriptor, choose)
        except FileNotFoundError:
            continue
        finally:
            os.close(descriptor)  # and with it the lock; where the file was replaced meanwhile, once more


def _make_one_time(path: str, choose: Choose, policy: TrustPolicy | None) -> int:
    chosen = choose(())

    def fill(old: bytes) -> bytes:
        if old:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        return "".join(f"{line_of(steps)}\n" for steps in chosen).encode()

    change_secret(path, fill, policy)
    return len(chosen)


def _add(path: str, descriptor: int, choose: Choose) -> int:
    """Adds lines that are comments at first, and puts them in use when they are on the disk."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OSError(
            errno.EPERM,
            f"others than its owner may use it (mode {mode:04o}), run chmod 600 {shlex.quote(path)}",
        )
    before = _content(descriptor)
    if problems := parse_one_time(before).problems:
        raise ValueError(f"{problems[0]}: mend it, or name another file")
    known = [line.steps for line in find_lines(before)]
    chosen = choose(known)
    start = len(before) + (before[-1:] not in (b"", b"\n"))
    lines, first = b"", []
    for steps in chosen:
        first.append(start + len(lines))
        lines += f"#{line_of(steps)[1:]}\n".encode()
    if start + len(lines) > MAX_SIZE:
        raise ValueError(f"expected a file of at most {MAX_SIZE} bytes, it would have more")
    if start > len(before):  # else a torn line would be the rest of the last one
        _write(descriptor, b"\n", len(before))
        os.fsync(descriptor)
    _write(descriptor, lines, start)
    os.fsync(descriptor)
    for offset in first:
        os.pwrite(descriptor, b" ", offset)
    os.fsync(descriptor)
    return len(known) + len(chosen)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done


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
    return read_at_most(descriptor, MAX_SIZE + 1)
