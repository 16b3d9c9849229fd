"""Files of a log: which belong together, in which order, and their bytes.

World: log files.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence

from knockd.review.unreadable import Unreadable
from knockd_conf.text import printable

STDIN = "-"
CHUNK = 1 << 17
"""Bytes that are read at once."""

_ROTATED = re.compile(
    r"(?P<base>.+?)(?:\.(?P<number>[0-9]{1,4})|-(?P<date>[0-9]{8}[0-9-]{0,12}))(?:\.(?:gz|bz2|xz|zst))?"
)
"""``knockd.log.2.gz`` and, with logrotate's ``dateext``, ``knockd.log-20261101.gz``."""


class Source:
    """A file that is open, under the name it was asked for.

    ``written`` is when it was last written, in seconds since the epoch; None for a pipe.
    """

    def __init__(self, name: str, descriptor: int, first: bytes = b"") -> None:
        status = os.fstat(descriptor)
        self.name = "standard input" if name == STDIN else printable(name)
        self.family = _rotation_of(self.name) or self.name
        self.regular = stat.S_ISREG(status.st_mode)
        self.size = status.st_size if self.regular else 0
        self.written = status.st_mtime if self.regular else None
        self.identity = (status.st_dev, status.st_ino)
        self._descriptor = descriptor
        self._first = first

    def read_chunks(self) -> Iterator[bytes]:
        """Its bytes from here to its end. Raises Unreadable."""
        if self._first:
            yield self._first
        while True:
            try:
                chunk = os.read(self._descriptor, CHUNK)
            except OSError as error:
                raise Unreadable(f"not read to its end: {error.strerror}", os.EX_IOERR) from error
            if not chunk:
                return
            yield chunk

    def rewind(self) -> None:
        """Goes back to the beginning of a regular file."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)

    def close(self) -> None:
        """Closes the file, but for standard input."""
        if self._descriptor > 2:
            os.close(self._descriptor)


def open_source(name: str) -> Source:
    """Opens a regular file, a pipe that somebody writes to, or standard input (``-``). Raises Unreadable."""
    if name == STDIN:
        try:
            return Source(name, 0)
        except OSError as error:
            raise Unreadable(f"there is none: {error.strerror}", os.EX_NOINPUT) from error
    try:
        _refuse_odd_kinds(name, os.stat(name).st_mode)
        # A pipe without a writer is not waited for; a device that took its place is no terminal of ours.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreadable(describe_error(error), os.EX_NOINPUT) from error
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        return Source(name, descriptor, _first_of_pipe(descriptor) if is_pipe else b"")
    except Unreadable:
        os.close(descriptor)
        raise


def find_rotations(path: str) -> list[str]:
    """A log file and its rotations that are there, the oldest first.

    Raises Unreadable when there are none, or the folder cannot be read.
    """
    folder, base = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError as error:
        raise Unreadable(f"{printable(folder)}: {describe_error(error)}", os.EX_NOINPUT) from error
    ours = [name for name in names if name == base or _rotation_of(name) == base]
    return sort_rotations([os.path.join(folder, name) for name in ours])


def sort_rotations(names: Sequence[str]) -> list[str]:
    """Rotations of one file in order, the oldest first, as their names say; other files keep their place.

    So ``knockd.log*`` of a shell is in order.
    """
    firsts: dict[str, int] = {}
    for at, name in enumerate(names):
        firsts.setdefault(_rotation_of(name) or name, at)
    return sorted(names, key=lambda name: (firsts[_rotation_of(name) or name], *_age(name)))


def is_rotation(name: str) -> bool:
    """Whether a name is that of a file that is not written to any more."""
    return _rotation_of(name) is not None


def describe_head(head: bytes) -> str:
    """What a file is that begins like this and is no log, and what to do with it."""
    if head.startswith(b"LPKSHHRH"):
        return "it is a journal of systemd: journalctl --file FILE -u knockd -o short-iso | knockctl log -"
    if b"__REALTIME_TIMESTAMP" in head:
        return "it is a journal in another form: let journalctl print it with -o short-iso"
    if head[:4] in {b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a"}:
        return "it is a capture: knockd --replay FILE"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it is UTF-16: iconv -f UTF-16 -t UTF-8 FILE | knockctl log -"
    return "it is binary" if b"\0" in head else "--unread shows them"


def describe_error(error: OSError | ValueError) -> str:
    """Why a file cannot be opened, and what to do."""
    if isinstance(error, PermissionError):
        return "permission denied: run knockctl as root, or as a user who may read it"
    if isinstance(error, OSError):
        return str(error.strerror)[:1].lower() + str(error.strerror)[1:]
    return "a name cannot hold a NUL character"


def _refuse_odd_kinds(name: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise Unreadable(
            f"it is a directory: name files in it, such as {printable(name)}/*.log", os.EX_NOINPUT
        )
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise Unreadable("it is a device or a socket: expected a file or a pipe", os.EX_NOINPUT)


def _first_of_pipe(descriptor: int) -> bytes:
    """The first bytes of a pipe, if they are there already. Raises Unreadable where nobody writes to it."""
    try:
        first = os.read(descriptor, CHUNK)
    except BlockingIOError:
        first = b""
    else:
        if not first:
            raise Unreadable("it is an empty pipe, which nobody writes to", os.EX_NOINPUT)
    os.set_blocking(descriptor, True)
    return first


def _rotation_of(name: str) -> str | None:
    """The name of the file that a rotation was, None for what is not the name of one."""
    found = _ROTATED.fullmatch(name)
    return None if found is None else found["base"]


def _age(name: str) -> tuple[int, str, int]:
    """Sorts rotations of one file: dates, then numbers from the largest, then the file itself."""
    found = _ROTATED.fullmatch(name)
    if found is None:
        return 2, "", 0
    return (0, found["date"], 0) if found["date"] else (1, "", -int(found["number"]))
