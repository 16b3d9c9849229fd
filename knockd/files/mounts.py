"""On what kind of file system a path is, as the table of mounts says (proc(5)).

World: the table of mounts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import Final

from knockd_conf.classes import NamedTuple

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "rootfs", "devtmpfs", "overlay", "aufs"})
"""File systems that a reboot may empty, or, as those of containers, their next start."""

_OVERLAY, _UPPER = "overlay", b"upperdir="

_TABLE: Final = "/proc/self/mountinfo"


ReadLink = Callable[[bytes], bytes]

_MOST_LINKS: Final = 40
"""Links that the kernel follows (MAXSYMLINKS of linux/namei.h)."""


def read_mounts() -> bytes:
    """The table of mounts. Raises OSError, as without /proc."""
    with open(_TABLE, "rb") as file:
        return file.read()


def may_be_emptied(path: str) -> bool:
    """Whether what is in a directory may be gone after a reboot; what is not known may."""
    try:
        table = read_mounts()
    except OSError:
        return True
    kind = find_kind(table, os.fsencode(os.path.realpath(path)))
    return kind is None or kind in IN_MEMORY


def find_kind(table: bytes, path: bytes) -> str | None:
    """The kind of file system that a path without links is on; None: the table does not say.

    Of an overlay it is the kind of what it writes to, where that is in the table.
    """
    mounts = _parse(table)
    found = _find_mount(mounts, path)
    if found is None or found.kind != _OVERLAY:
        return None if found is None else found.kind
    options = found.options.split(b",")
    upper = next((one.removeprefix(_UPPER) for one in options if one.startswith(_UPPER)), b"/")
    beneath = _find_mount(mounts, _unescape(upper))
    return _OVERLAY if beneath is None else beneath.kind


class Disks:
    """The disks of paths, as a table of mounts has them: numbers of devices, ``major:minor``."""

    def __init__(self, table: bytes) -> None:
        self._mounts = _parse(table)
        self._found: dict[bytes, bytes | None] = {}

    def find(self, path: bytes) -> bytes | None:
        """The disk that a path without links is on; None: unknown. What was asked once is known."""
        if path not in self._found:
            found = _find_mount(self._mounts, path)
            self._found[path] = None if found is None else found.disk
        return self._found[path]

    def stays_on(self, file: bytes, disks: Collection[bytes | None], read_link: ReadLink) -> bool:
        """Whether an absolute path and all links on it stay on some disks; no other one is looked at.

        ``read_link`` gives the target of a link, and raises OSError for what is none. What leads nowhere
        in 40 links does not stay.
        """
        here, pending, links = b"/", file.split(b"/")[::-1], 0
        while pending:
            part = pending.pop()
            if part in {b"", b".", b".."}:
                here = os.path.dirname(here) if part == b".." else here
                continue
            place = os.path.join(here, part)
            if self.find(place) not in disks:
                return False
            try:
                target = read_link(place)
            except OSError:
                here = place
                continue
            links += 1
            if links > _MOST_LINKS:
                return False
            here = b"/" if target.startswith(b"/") else here
            pending += target.split(b"/")[::-1]
        return True


class _Mount(NamedTuple):
    place: bytes
    kind: str
    options: bytes
    disk: bytes


def _parse(table: bytes) -> list[_Mount]:
    found = []
    for line in table.splitlines():
        head, _, tail = line.partition(b" - ")
        words, file_system = head.split(b" "), tail.split(b" ")
        if len(words) >= 5 and len(file_system) >= 3:
            kind = file_system[0].decode("ascii", "replace")
            found.append(_Mount(_unescape(words[4]), kind, file_system[2], words[2]))
    return found


def _find_mount(mounts: Iterable[_Mount], path: bytes) -> _Mount | None:
    found: _Mount | None = None
    for one in mounts:
        # Of mounts on the same place the last one covers the others.
        if _is_below(path, one.place) and (found is None or len(one.place) >= len(found.place)):
            found = one
    return found


def _is_below(path: bytes, place: bytes) -> bool:
    return path == place or path.startswith(place.rstrip(b"/") + b"/")


def _unescape(text: bytes) -> bytes:
    """The table has octal escapes for space, tab, newline and backslash."""
    for escape, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        text = text.replace(escape, plain)
    return text
